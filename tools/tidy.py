#!/usr/bin/env python3
"""The rules of the house as code. Prints `file:line: message`, and exits 1 if one is broken.

    tools/tidy.py [--root DIR] [--no-format]

Layers and libraries (who may include whom), sizes, coroutine dialect, banned calls, stray files,
sources that no CMakeLists.txt names, and clang-format. Python's standard library only.
"""

import argparse
import os
import re
import subprocess
import sys

import cpp_text

FUNCTION_LINES_MAX = 70
FILE_LINES_MAX = 600
LINE_COLUMNS_MAX = 100
FILE_BYTES_MAX = 512 * 1024
CLANG_FORMAT = "clang-format-14"
FORMAT_BATCH = 50  # Files per run of clang-format.

SKIPPED_FOLDERS = {".git", "build", "demo-out", "__pycache__"}
CORPUS = "tests/corpus/"
KNOWN_NAMES = {".git", ".clang-format", ".clang-tidy", ".gitignore", ".gitattributes", "LICENSE",
               "NOTICE", "dev", "Containerfile", ".dockerignore"}
KNOWN_PATHS = {".ci/run"} | {f"packaging/debian/{name}" for name in (
    "changelog", "conffiles", "copyright", "lintian-overrides", "postinst", "postrm", "prerm",
    "templates")}
KNOWN_EXTENSIONS = {".cc", ".h", ".cmake", ".txt", ".md", ".py", ".sh", ".yaml", ".yml", ".json",
                    ".fbs", ".csv", ".eml", ".in", ".conf", ".dict", ".service", ".svg", ".html",
                    ".lua"}
TEXT_EXTENSIONS = KNOWN_EXTENSIONS - {".eml", ".csv", ".svg"}

LOWER = {"base", "connectors", "scheduler", "store"}
MAY_INCLUDE = {
    "base": {"base"},
    "connectors": {"base", "connectors"},
    "scheduler": {"base", "scheduler"},
    "store": {"base", "store"},
    "engine/config": LOWER | {"engine/config"},
    "engine/mime": LOWER | {"engine/mime"},
    "engine/http": LOWER | {"engine/http"},
    "engine/pipeline": LOWER | {"engine/mime", "engine/pipeline"},
    "engine/send": LOWER | {"engine/mime", "engine/pipeline", "engine/send"},
    "engine/notify": LOWER | {"engine/notify"},
    "engine/search": LOWER | {"engine/mime", "engine/search"},
    "engine/app": LOWER | {"engine/config", "engine/mime", "engine/http", "engine/pipeline",
                           "engine/send", "engine/search", "engine/notify", "engine/app"},
}
FREE_FOLDERS = ("tests/", "bench/")  # May include everything.
# A library's headers, and the only places that may include them.
LIBRARY_HOMES = [
    (re.compile(r"uv\.h$|uv/"), ("connectors/net/",)),
    (re.compile(r"openssl/(?:ssl|tls1|bio)\.h$"), ("connectors/net/",)),
    (re.compile(r"ares(?:_\w+)?\.h$"), ("connectors/net/",)),
    (re.compile(r"curl/"), ("connectors/https/",)),
    (re.compile(r"pugi\w*\.hpp$"), ("connectors/autodiscover/",)),
    (re.compile(r"idn2\.h$"), ("connectors/net/",)),
    (re.compile(r"zlib\.h$"), ("connectors/net/", "engine/http/", "engine/search/")),
    (re.compile(r"rocksdb/"), ("store/*.cc",)),
    (re.compile(r"zstd\.h$"), ("store/*.cc",)),
    (re.compile(r"xxhash\.h$"), ("store/*.cc",)),
    (re.compile(r"gmime/"), ("engine/mime/",)),
    (re.compile(r"glib"), ("engine/mime/", "engine/search/")),
    (re.compile(r"sqlite3\.h$"), ("engine/search/",)),
    (re.compile(r"boost/beast"), ("engine/http/",)),
    (re.compile(r"yaml-cpp/"), ("engine/config/",)),
    (re.compile(r"spdlog/"), ("base/log.cc",)),
    (re.compile(r"prometheus/"), ("engine/app/",)),
    (re.compile(r"(?:oneapi/)?tbb(?:/|\.h$)"), ("engine/pipeline/", "engine/app/")),
]

# (pattern on code without comments and literals, message, prefixes where it is fine)
BANNED_CALLS = [
    (re.compile(r"\bsleep_(?:for|until)\b|\bstd::this_thread\b|(?<!\w)(?:u|nano)?sleep\s*\("),
     "nothing sleeps: wait on the loop or on the virtual clock", ()),
    (re.compile(r"(?<![\w.>])(?:system|popen)\s*\("), "no shells", ()),
    (re.compile(r"(?<![\w.>])s?rand\s*\(|\brandom_device\b"),
     "randomness is injected: base/random.h", ()),
    (re.compile(r"\b(?:steady|system|high_resolution)_clock::now\b"),
     "time is injected: base/clock.h", ("base/clock.cc",)),
    (re.compile(r"\b(?:secure_)?getenv\s*\("), "the environment is read in engine/app only",
     ("engine/app/", "tests/", "bench/")),
    (re.compile(r"(?<!\w)printf\s*\(|\bstd::cout\b|(?<!\w)puts\s*\(|\bfmt::print\s*\("),
     "standard output belongs to engine/app", ("engine/app/", "tests/", "bench/")),
    (re.compile("GTEST_" + "SKIP"), "tests are not skipped", ()),
]
# On the whole text of every file. In two parts, so that this file passes.
BANNED_WORDS = [
    (re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|X" + r"XX)\b"), "no notes to self in the tree"),
    (re.compile(r"\bDISABLED" + r"_\w"), "tests are not disabled"),
]

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.MULTILINE)
AWAIT = re.compile(r"\bco_await\b")
AWAIT_MACRO = re.compile(r"\b(?:CO_TRY|CO_RETURN_IF_ERROR)\s*\(")
CORO_WORD = re.compile(r"\bco_(?:await|return|yield)\b|\bCO_(?:TRY|RETURN_IF_ERROR)\b")
LABEL = re.compile(r"^\s*(?:case\s+[\w:]+|default)\s*:(?!:)")
ASSIGNMENT = re.compile(r"[\w:<>,*&\s.\[\]-]*[\w\]]\s*=$")
CONTROL = re.compile(r"\s*(?:if|else|for|while|do|switch|return|throw|goto)\b")


class SourceFile:
    def __init__(self, root, path):
        self.path = path
        with open(os.path.join(root, path), "rb") as file:
            self.text = file.read().decode("utf-8", "replace")
        self.lines = self.text.split("\n")
        self.extension = os.path.splitext(path)[1]
        self.is_cpp = self.extension in (".cc", ".h")
        if self.is_cpp:
            self.with_directives = cpp_text.blank_literals(self.text)
            self.code = cpp_text.blank_directives(self.with_directives)

    def includes(self):
        for match in INCLUDE.finditer(self.text):
            # Inside a comment or a string the directive is blank in with_directives.
            if self.with_directives[match.start() : match.end()].lstrip().startswith("#"):
                yield cpp_text.line_of(self.text, match.start()), match[1] == '"', match[2]


def component(path):
    parts = path.split("/")
    return "/".join(parts[:2]) if parts[0] == "engine" else parts[0]


def is_home(path, home):
    if "*" in home:
        folder, extension = home.split("*")
        return path.startswith(folder) and path.endswith(extension)
    return path == home or (home.endswith("/") and path.startswith(home))


class Tidy:
    def __init__(self, root):
        self.root = root
        self.problems = []
        self.paths = sorted(self.walk())
        self.sources = [SourceFile(root, path) for path in self.paths if self.is_text(path)]
        self.cpp = [source for source in self.sources if source.is_cpp]

    def walk(self):
        for folder, folders, names in os.walk(self.root):
            folders[:] = [name for name in folders if name not in SKIPPED_FOLDERS]
            for name in names:
                yield os.path.relpath(os.path.join(folder, name), self.root).replace(os.sep, "/")

    @staticmethod
    def is_text(path):
        name = os.path.basename(path)
        known = os.path.splitext(name)[1] in TEXT_EXTENSIONS or name in KNOWN_NAMES
        return known and not path.startswith(CORPUS)

    def report(self, path, line, message):
        self.problems.append((path, line, message))

    def run(self, check_format):
        self.check_stray_files()
        self.check_listed_sources()
        self.check_folder_pairs()
        for source in self.sources:
            self.check_words(source)
            self.check_sizes(source)
        for source in self.cpp:
            self.check_pragma_once(source)
            self.check_layers(source)
            self.check_libraries(source)
            self.check_functions(source)
            self.check_awaits(source)
            self.check_await_macros(source)
            self.check_lambdas(source)
            self.check_calls(source)
        if check_format:
            self.check_format()
        return sorted(set(self.problems))

    # The tree.

    def check_stray_files(self):
        for path in self.paths:
            name = os.path.basename(path)
            if not path.isascii():
                self.report(path.encode("ascii", "backslashreplace").decode(), 1,
                            "file names are ASCII")
            if path.startswith(CORPUS):
                continue
            known = name in KNOWN_NAMES or path in KNOWN_PATHS
            if not known and os.path.splitext(name)[1] not in KNOWN_EXTENSIONS:
                self.report(path, 1, "stray file: unknown kind (see KNOWN_EXTENSIONS)")
            if os.path.getsize(os.path.join(self.root, path)) > FILE_BYTES_MAX:
                self.report(path, 1, f"file over {FILE_BYTES_MAX // 1024} KiB")

    def check_listed_sources(self):
        texts = {source.path: source.text for source in self.sources
                 if os.path.basename(source.path) == "CMakeLists.txt"}
        for source in self.cpp:
            if source.extension != ".cc":
                continue
            folder = os.path.dirname(source.path)
            while folder and f"{folder}/CMakeLists.txt" not in texts:
                folder = os.path.dirname(folder)
            listing = texts.get(f"{folder}/CMakeLists.txt" if folder else "CMakeLists.txt", "")
            if not self.is_listed(os.path.basename(source.path), listing):
                self.report(source.path, 1, "no CMakeLists.txt names this file")

    @staticmethod
    def is_listed(name, listing):
        listing = re.sub(r"#[^\n]*", "", listing)
        if re.search(r"(?:^|[\s/(\"])" + re.escape(name) + r"(?=$|[\s)\"])", listing):
            return True
        # `${x}_fuzz.cc` in a loop over names.
        for pattern in re.findall(r"[\w/]*\$\{\w+\}\w*\.cc", listing):
            stem = re.escape(os.path.basename(re.sub(r"\$\{\w+\}", "@", pattern)))
            match = re.fullmatch(stem.replace("@", r"(\w+)"), name)
            if match and re.search(r"\b" + re.escape(match[1]) + r"\b", listing):
                return True
        return False

    def check_folder_pairs(self):
        edges = {}
        for source in self.cpp:
            folder = os.path.dirname(source.path)
            for line, quoted, header in source.includes():
                target = os.path.dirname(header)
                if quoted and target != folder:
                    edges.setdefault((folder, target), (source.path, line))
        for (folder, target), (path, line) in edges.items():
            related = folder.startswith(target + "/") or target.startswith(folder + "/")
            if (target, folder) in edges and not related:
                self.report(path, line, f"{folder} and {target} include each other")

    # Includes.

    def check_pragma_once(self, source):
        if source.extension == ".h" and not re.search(r"^#pragma once$", source.text, re.MULTILINE):
            self.report(source.path, 1, "a header starts with #pragma once")

    def check_layers(self, source):
        if source.path.startswith(FREE_FOLDERS):
            return
        own = component(source.path)
        allowed = MAY_INCLUDE.get(own)
        for line, quoted, header in source.includes():
            if not quoted or header.endswith("_generated.h"):  # flatc's, in the build tree.
                continue
            if "/" not in header or header.startswith("."):
                self.report(source.path, line, "includes are written from the root of the tree")
            elif allowed is None:
                self.report(source.path, line, f"{own} is not a layer that holds C++ code")
            elif component(header) not in allowed:
                self.report(source.path, line, f"layer {own} must not include {component(header)}")

    def check_libraries(self, source):
        if source.path.startswith(FREE_FOLDERS):
            return
        for line, _, header in source.includes():
            for pattern, homes in LIBRARY_HOMES:
                if pattern.match(header) and not any(is_home(source.path, home) for home in homes):
                    self.report(source.path, line,
                                f"only {' and '.join(homes)} may include {header}")

    # Sizes.

    def check_sizes(self, source):
        if source.extension not in (".cc", ".h", ".py", ".cmake"):
            return
        lines = len(source.lines) - 1
        if lines > FILE_LINES_MAX:
            self.report(source.path, FILE_LINES_MAX + 1,
                        f"file of {lines} lines, at most {FILE_LINES_MAX}")
        for number, line in enumerate(source.lines, 1):
            if len(line) > LINE_COLUMNS_MAX and "://" not in line:
                self.report(source.path, number,
                            f"line of {len(line)} columns, at most {LINE_COLUMNS_MAX}")

    def check_functions(self, source):
        for first, last in cpp_text.functions(source.code):
            lines = last - first + 1
            if lines > FUNCTION_LINES_MAX:
                self.report(source.path, first,
                            f"function of {lines} lines, at most {FUNCTION_LINES_MAX}")

    # The coroutine dialect: connectors/net/task.h.

    def check_awaits(self, source):
        code = source.code
        for match in AWAIT.finditer(code):
            at = match.start()
            line = cpp_text.line_of(code, at)
            start, in_brackets = cpp_text.statement_start(code, at)
            prefix = LABEL.sub("", code[start:at]).strip()
            if prefix.endswith("operator"):
                continue
            end = code.find(";", at)
            awaited = code[match.end() : end if end >= 0 else len(code)]
            if in_brackets or not self.may_precede_await(prefix) or self.is_part(awaited):
                self.report(source.path, line, "D1: an await is a whole statement")
            self.check_awaited(source.path, line, awaited)

    @staticmethod
    def may_precede_await(prefix):
        if prefix in ("", "co_return"):
            return True
        if CONTROL.match(prefix) or re.search(r"\bauto\s*(?:&{1,2}\s*)?\[", prefix):
            return False
        return bool(ASSIGNMENT.fullmatch(prefix))

    @staticmethod
    def is_part(awaited):
        """Whether more than a call follows: `co_await f() + 1`, `co_await f() ? a : b`."""
        head = awaited.strip()
        opens = head.find("(")
        if opens < 0:
            return False
        while True:
            rest = head[cpp_text.matching(head, opens) + 1 :].lstrip()
            chained = re.match(r"(?:(?:\.|->)\s*[\w:<>]+\s*)?\(", rest)
            if not chained:
                return bool(rest)
            head = rest
            opens = chained.end() - 1

    def check_awaited(self, path, line, awaited):
        if "{" in awaited:
            self.report(path, line, "D2: no braces inside an awaited call")
        if cpp_text.lambdas(awaited) or re.search(r"[(,]\s*\[", awaited):
            self.report(path, line, "D2: no lambda inside an awaited call")
        if AWAIT.search(awaited):
            self.report(path, line, "D1: an await is a whole statement")

    def check_await_macros(self, source):
        code = source.code
        for match in AWAIT_MACRO.finditer(code):
            line = cpp_text.line_of(code, match.start())
            start, in_brackets = cpp_text.statement_start(code, match.start())
            end = cpp_text.matching(code, match.end() - 1)
            prefix = LABEL.sub("", code[start : match.start()]).strip()
            if in_brackets or prefix or not code[end + 1 :].lstrip()[:1] == ";":
                self.report(source.path, line, "D1: an await is a whole statement")
            arguments = code[match.end() : end]
            if re.match(r"\s*(?:const\s+)?auto\s*(?:&{1,2}\s*)?\[", arguments):
                self.report(source.path, line, "D1: no structured binding of an await")
            self.check_awaited(source.path, line, arguments)

    def check_lambdas(self, source):
        for offset, body in cpp_text.lambdas(source.code):
            if CORO_WORD.search(body):
                self.report(source.path, cpp_text.line_of(source.code, offset),
                            "D3: no lambda coroutines")

    # Words.

    def check_calls(self, source):
        for pattern, message, homes in BANNED_CALLS:
            if any(source.path.startswith(home) for home in homes):
                continue
            for match in pattern.finditer(source.with_directives):
                line = cpp_text.line_of(source.text, match.start())
                self.report(source.path, line, f"{match.group().strip(' (')}: {message}")

    def check_words(self, source):
        for pattern, message in BANNED_WORDS:
            for match in pattern.finditer(source.text):
                self.report(source.path, cpp_text.line_of(source.text, match.start()),
                            f"{match.group()}: {message}")

    def check_format(self):
        paths = [source.path for source in self.cpp]
        for first in range(0, len(paths), FORMAT_BATCH):
            command = [CLANG_FORMAT, "--dry-run", "-Werror", *paths[first : first + FORMAT_BATCH]]
            try:
                done = subprocess.run(command, cwd=self.root, capture_output=True, text=True,
                                      check=False)
            except FileNotFoundError:
                self.report(".clang-format", 1, f"{CLANG_FORMAT} is not installed")
                return
            places = re.findall(r"^(.+?):(\d+):\d+: error: ", done.stderr, re.MULTILINE)
            for path, line in dict(reversed(places)).items():  # The first place in each file.
                self.report(path, int(line), f"not formatted: run {CLANG_FORMAT} -i")


def main():
    parser = argparse.ArgumentParser(description="checks the rules of the house")
    own_root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    parser.add_argument("--root", default=own_root)
    parser.add_argument("--no-format", action="store_true", help="leave clang-format out")
    arguments = parser.parse_args()
    problems = Tidy(arguments.root).run(not arguments.no_format)
    for path, line, message in problems:
        print(f"{path}:{line}: {message}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
