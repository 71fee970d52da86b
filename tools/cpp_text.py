"""C++ source as the lint rules see it: without comments, literals and preprocessor lines.

Not a parser. It knows just enough of the language (comments, strings, raw strings, digit
separators, brackets) to find functions, lambdas and statements in code that clang-format wrote.
"""

import re

_TOKEN = re.compile(
    r"""(?P<number>\b\d(?:[\w.]|'(?=\w))*)"""
    r"""|(?P<comment>//(?:[^\n\\]|\\.|\\\n)*|/\*.*?\*/)"""
    r"""|(?P<raw>R"(?P<delimiter>[^()\\\s]{0,16})\(.*?\)(?P=delimiter)")"""
    r"""|(?P<string>"(?:\\.|[^"\\\n])*")"""
    r"""|(?P<char>'(?:\\.|[^'\\\n])+')""",
    re.DOTALL,
)
_DIRECTIVE = re.compile(r"^[ \t]*#(?:[^\n\\]|\\\n|\\.)*", re.MULTILINE)
_NOT_NEWLINE = re.compile(r"[^\n]")
_CLOSER = {"(": ")", "[": "]", "{": "}"}
_OPENER = {closer: opener for opener, closer in _CLOSER.items()}
_QUALIFIERS = frozenset(("const", "noexcept", "override", "final", "try", "mutable"))


def blank_literals(text):
    """Comments and the insides of literals become spaces; every offset and line stays."""

    def blank(match):
        token = match.group()
        if match.lastgroup == "number":
            return token
        inside = _NOT_NEWLINE.sub(" ", token)
        if match.lastgroup == "comment":
            return inside
        return '"' + inside[1:-1] + '"'

    return _TOKEN.sub(blank, text)


def blank_directives(code):
    """Preprocessor lines, with their continuations, become spaces."""
    return _DIRECTIVE.sub(lambda match: _NOT_NEWLINE.sub(" ", match.group()), code)


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def matching(code, start):
    """The offset of the bracket that closes the one at `start`; the text's end if none does."""
    opener = code[start]
    depth = 0
    for match in re.compile("[" + re.escape(opener + _CLOSER[opener]) + "]").finditer(code, start):
        depth += 1 if match.group() == opener else -1
        if depth == 0:
            return match.start()
    return len(code) - 1


def statement_start(code, offset):
    """Where the statement around `offset` begins; whether `offset` lies in brackets of it."""
    depth = 0
    start = None
    for at in range(offset - 1, -1, -1):
        c = code[at]
        if c in ")]":
            depth += 1
        elif c in "([":
            if depth == 0:  # In an argument, a condition or, after a semicolon, a loop's head.
                return at + 1, True
            depth -= 1
        elif depth == 0 and c in "{}":
            return at + 1 if start is None else start, False
        elif depth == 0 and c == ";" and start is None:
            start = at + 1
    return start or 0, False


def _is_lambda(code, at):
    if code.startswith("[[", at) or (at > 0 and code[at - 1] == "["):
        return False
    before = code[:at].rstrip()[-8:]
    if before.endswith(("return", "co_await")):
        return True
    return not before or before[-1] in "(,={;&|!?:<>}"


def lambdas(code):
    """(offset of the introducer, body) of every lambda."""
    found = []
    for match in re.finditer(r"\[", code):
        if not _is_lambda(code, match.start()):
            continue
        at = matching(code, match.start()) + 1
        head = re.compile(r"\s*").match(code, at)
        at = head.end()
        if code.startswith("(", at):
            at = matching(code, at) + 1
        body = re.compile(r"[^;,(){}]*(?:noexcept\([^)]*\))?[^;,(){}]*\{").match(code, at)
        if body:
            opens = body.end() - 1
            found.append((match.start(), code[opens : matching(code, opens) + 1]))
    return found


def _opens_function(header):
    if "(" not in header or header.endswith("="):
        return False
    scope = r"(?:template\s*<[^{]*>\s*)?(?:class|struct|union|enum|namespace)\b"
    return not re.match(scope, header)


def _opens_member_initializer(header):
    """`Name::Name(int a) : a_` before the brace of `a_{a}`."""
    word = re.search(r"(\w+|>)$", header)
    in_list = re.search(r"\)\s*(?:noexcept\s*)?:[^:]", header)
    return bool(word and in_list and word.group() not in _QUALIFIERS)


def functions(code):
    """(first line, last line) of every function with its signature; lambdas are part of one."""
    found = []
    boundary = 0
    at = 0
    pattern = re.compile(r"[{};]|\b(?:public|protected|private)\s*:")
    while match := pattern.search(code, at):
        at = match.end()
        if match.group() != "{":
            boundary = at
            continue
        header = code[boundary : match.start()].strip()
        if _opens_member_initializer(header):
            at = matching(code, match.start()) + 1
        elif _opens_function(header):
            end = matching(code, match.start())
            first = boundary + len(code[boundary:]) - len(code[boundary:].lstrip())
            found.append((line_of(code, first), line_of(code, end)))
            at = boundary = end + 1
        elif re.search(r"\b(?:class|struct|union|namespace|extern)\b", header):
            boundary = at
        else:  # An initializer or an enumeration.
            at = matching(code, match.start()) + 1
    return found
