"""Hostile values in every field of a submission, JSON and raw, through the whole program to a
server that believes any line end: not a command, field or recipient more than was asked for.

Each attempt is refused as a whole (422, and nothing is sent), or sent as the one message that it
is. Who an attempt belongs to is in its addresses: t17@, c17@ and b17@ are those of the 17th.
"""

import base64
import collections
import copy
import email
import http.client
import json
import re
import unittest

from support import Workspace, main, wait_until  # First: it makes the others importable.
from dovecot_server import Pop3Dovecot
from smtp_script import ScriptedSmtp

ATTEMPTS_MIN = 200
EVIL = "evil@x.example"
EVIL_FIELD = "X-Evil"
DOMAIN = "watch.example"
REFUSED = (400, 422)
OURS = re.compile(rf"^([tcb])(\d+)@{re.escape(DOMAIN)}$")

# Bytes that are no UTF-8 are written as surrogates, as Python's "surrogateescape" has them.
LINE_ENDS = {
    "CRLF": "\r\n", "LF": "\n", "CR": "\r", "LF CR": "\n\r", "CR CR LF": "\r\r\n",
    "two CRLF": "\r\n\r\n", "folded": "\r\n ", "folded by a tab": "\n\t", "VT": "\x0b",
    "FF": "\x0c", "NEL": "\x85", "LINE SEPARATOR": "\u2028", "PARAGRAPH SEPARATOR": "\u2029",
    "overlong LF": "\udcc0\udc8a", "overlong CR": "\udce0\udc80\udc8d", "NUL": "\0",
    "NUL CRLF": "\0\r\n", "RS": "\x1e", "fullwidth": "\uff0d\uff0a",
    "low byte CRLF": "\u560d\u560a",
}
SMUGGLED = f"MAIL FROM:<{EVIL}>\r\nRCPT TO:<{EVIL}>\r\nDATA\r\nSubject: smuggled\r\n\r\nx\r\n.\r\n"
ENDS_OF_DATA = ("\r\n.\r\n", "\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r", "\r.\r\n", "\r\n.\r", "\n.\r",
                "\r\n\0.\r\n", "\r\n.\0\r\n", "\r\n..\r\n.\r\n", "\r\r\n.\r\r\n")
ENCODED = (
    f"=?utf-8?q?x=0D=0ABcc:_{EVIL}?=", "=?utf-8?b?eA0KQmNjOiBldmlsQHguZXhhbXBsZQ==?=",
    f"=?utf-8?q?x?= <{EVIL}>", f"=?utf-8?q?a=2C_{EVIL}=2C?=",
    f"=?utf-8?q?=22?= , {EVIL} , =?x?q?=22?=",
    "=?utf-8?q?=3Cevil=40x.example=3E?=@y.example", "=?utf-7?q?+AA0ACg-Bcc:?=",
    "=?utf-8?q?unfinished", "=?utf-16?b?AA0ACgBCAGMAYwA6?=", "=?iso-2022-jp?b?GyRCCg0bKEI=?=",
    "=?utf-8?q?=00=0D=0A.=0D=0A?=",
)
SYNTAX = (
    f", {EVIL}", f"; {EVIL}", f"<{EVIL}>", f"> RCPT TO:<{EVIL}", f"\"<{EVIL}>, x\"",
    f"g: {EVIL};", f"({EVIL})", "\\", '"', '\\"\r\n', "@", "%0d%0aBcc:", "&#13;&#10;Bcc:",
    "\ufeff", "\u202e",
    "\x7f", "\x1b[2J", "\udcff", "\x01", "\t", " ", "> SIZE=1", "; boundary=x", "/../../etc/passwd",
)


def values():
    """(what it is, value), each to be put behind what the field should hold."""
    for name, end in LINE_ENDS.items():
        yield f"{name} and a field", f"x{end}Bcc: {EVIL}{end}{EVIL_FIELD}: 1"
        yield f"{name} and a command", f"{end}RCPT TO:<{EVIL}>{end}DATA{end}"
    for end in ENDS_OF_DATA:
        yield f"smuggled behind {end!r}", end + SMUGGLED
    for text in ENCODED + SYNTAX:
        yield repr(text), text


def base_draft(box, number):
    return {
        "mailbox": box, "from": {"name": "Alice", "email": "alice@acme.example"},
        "to": [{"name": "To", "email": f"t{number}@{DOMAIN}"}],
        "cc": [{"name": "Cc", "email": f"c{number}@{DOMAIN}"}],
        "bcc": [{"name": "Bcc", "email": f"b{number}@{DOMAIN}"}],
        "reply_to": [{"name": "Replies", "email": "replies@acme.example"}],
        "subject": "hello", "text": "text", "html": "<p>html</p>",
        "attachments": [{"filename": "a.png", "content_type": "image/png", "content_id": "logo",
                         "content_base64": "AAEC"}],
        "in_reply_to": "<parent@x.example>", "headers": {"X-Extra": "value"},
    }


# Where a value goes: the way to it, and whether it is the name of a member.
JSON_FIELDS = {
    "mailbox": ("mailbox",), "from.name": ("from", "name"), "from.email": ("from", "email"),
    **{f"{role}.{part}": (role, 0, part) for role in ("to", "cc", "bcc", "reply_to")
       for part in ("name", "email")},
    "subject": ("subject",), "text": ("text",), "html": ("html",),
    "filename": ("attachments", 0, "filename"), "content_type": ("attachments", 0, "content_type"),
    "content_id": ("attachments", 0, "content_id"), "content": ("attachments", 0, "content_base64"),
    "in_reply_to": ("in_reply_to",), "headers.value": ("headers", "X-Extra"),
    "headers.name": ("headers",),
}


def draft_with(box, number, field, value):
    draft = copy.deepcopy(base_draft(box, number))
    *way, last = JSON_FIELDS[field]
    place = draft
    for step in way:
        place = place[step]
    if field == "headers.name":
        draft["headers"] = {"X-Extra" + value: "value"}
    elif field == "content":
        place[last] = base64.b64encode(to_bytes("bytes" + value)).decode()
    else:
        place[last] += value
    return draft


def to_bytes(text):
    return text.encode("utf-8", "surrogateescape")


RAW_FIELDS = ("From", "To", "Cc", "Bcc", "Subject", "Message-ID", "X-Extra", "name", "body")


def raw_with(number, field, value):
    """A client's own message may have any fields it likes; that it has them is no attack. What is
    hostile in `value` stands where one reader may see more fields or addresses than another."""
    fields = {"From": "Alice <alice@acme.example>", "To": f"To <t{number}@{DOMAIN}>",
              "Cc": f"Cc <c{number}@{DOMAIN}>", "Bcc": f"Bcc <b{number}@{DOMAIN}>",
              "Subject": "hello", "Message-ID": f"<m{number}@acme.example>", "X-Extra": "value"}
    text = "text\r\n"
    if field == "body":
        text += value
    elif field == "name":
        fields["X-Extra" + value] = fields.pop("X-Extra")
    else:
        fields[field] = value + " " + fields[field]
    head = "".join(f"{name}: {content}\r\n" for name, content in fields.items())
    return to_bytes(f"{head}\r\n{text}")


def names_of(content):
    head = content.split(b"\r\n\r\n", 1)[0]
    return [line.split(b":", 1)[0] for line in head.split(b"\r\n") if line[:1] not in b" \t"]


class SendInjectionTest(unittest.TestCase):
    maxDiff = 2000

    @classmethod
    def setUpClass(cls):
        # Over POP3 no copy is filed: only what is sent matters here.
        cls.work = Workspace({"alice": 1}, server=Pop3Dovecot)
        cls.addClassCleanup(cls.work.close)
        cls.smtp = ScriptedSmtp()
        cls.smtp.__enter__()
        cls.addClassCleanup(cls.smtp.__exit__)
        tenant = cls.work.folder / "tenants" / "acme.yaml"
        tenant.write_text(tenant.read_text() + "    submission: {host: localhost, port: "
                          f"{cls.smtp.port}, security: plaintext}}\n")
        server = cls.work.serve()
        server.__enter__()
        cls.addClassCleanup(server.__exit__)
        cls.connection = http.client.HTTPConnection("127.0.0.1", cls.work.http_port, timeout=60)
        cls.addClassCleanup(cls.connection.close)
        cls.numbers = iter(range(10**6))

    def post(self, body, content_type, path="/v1/submissions", **fields):
        self.connection.request("POST", path, body, {
            "Authorization": f"Bearer {self.work.token}", "Content-Type": content_type, **fields})
        answer = self.connection.getresponse()
        return answer.status, json.loads(answer.read())

    def post_draft(self, draft):
        return self.post(to_bytes(json.dumps(draft, ensure_ascii=False)), "application/json")

    def transactions_since(self, seen, accepted):
        """By attempt, once the server has all that was accepted."""
        def all_taken():
            taken = self.smtp.taken()[seen:]
            return taken if len(taken) >= len(accepted) else None
        found = collections.defaultdict(list)
        for transaction in wait_until(all_taken, "what was accepted is sent"):
            numbers = {int(ours[2]) for recipient in transaction.recipients
                       if (ours := OURS.match(recipient))}
            self.assertEqual(1, len(numbers), transaction)
            found[numbers.pop()].append(transaction)
        return found

    def assert_only(self, transaction, names, recipients):
        """`names` of the fields, `recipients` at most."""
        content = transaction.content
        self.assertEqual(names, names_of(content))
        self.assertNotRegex(content, rb"\r(?!\n)|(?<!\r)\n|\0")
        self.assertLessEqual(max(map(len, content.split(b"\r\n"))), 998)
        self.assertNotIn(EVIL, transaction.recipients)
        self.assertNotIn(EVIL, transaction.sender)
        self.assertEqual(recipients, len(transaction.recipients), transaction.recipients)

    def assert_commands(self, transactions):
        """Of all sessions: those that the transactions need, and each in its plainest form."""
        plain = re.compile(
            rb"EHLO [\w.\[\]:-]+|AUTH PLAIN( [\w+/=]+)?"
            rb"|MAIL FROM:<[^\s<>]+>( BODY=8BITMIME| SIZE=\d+| SMTPUTF8)*|RCPT TO:<[^<>\r\n]+>"
            rb"|DATA|BDAT \d+( LAST)?|RSET|QUIT|NOOP")
        commands = [line for session in self.smtp.all_sessions() for line in session.commands]
        for line in commands:
            self.assertRegex(line, rb"\A(?:" + plain.pattern + rb")\Z")
        verbs = collections.Counter(line.split()[0] for line in commands)
        self.assertEqual(len(transactions), verbs[b"MAIL"])
        self.assertEqual(len(transactions), verbs[b"DATA"])
        self.assertEqual(sum(len(each.recipients) for each in transactions), verbs[b"RCPT"])
        self.assertTrue(all(each.whole for each in transactions))

    def attack(self, attempts, post, check):
        """`attempts`: (number, description, what to post). Returns how many were refused, sent."""
        seen, accepted = len(self.smtp.taken()), {}
        refused = 0
        for number, what, body in attempts:
            status, answer = post(body)
            if status == 202:
                accepted[number] = (what, body)
                continue
            self.assertIn(status, (*REFUSED, 404), (what, answer))
            self.assertNotRegex(answer.get("detail", ""), r"[\x00-\x1f\x7f]", what)
            refused += 1
        found = self.transactions_since(seen, accepted)
        self.assertEqual(set(accepted), set(found))
        for number, (what, body) in accepted.items():
            with self.subTest(what):
                (transaction,) = found[number]
                check(number, what, body, transaction)
        self.assert_commands([each for session in self.smtp.all_sessions()
                              for each in session.transactions])
        return refused, len(accepted)

    def test_json(self):
        plain = next(self.numbers)
        self.assertEqual(202, self.post_draft(base_draft("alice", plain))[0])
        first = wait_until(self.smtp.taken, "the plain one")[0].content
        names, parts = names_of(first), len(list(email.message_from_bytes(first).walk()))

        def check(_, what, draft, transaction):
            expected = [b"X-Extra" if name == b"X-Extra" else name for name in names]
            if what.startswith("headers.name"):
                given = to_bytes(next(iter(draft["headers"])))
                expected = [given if name == b"X-Extra" else name for name in names]
            elif what.startswith("in_reply_to"):
                expected = names_of(transaction.content)  # It may be dropped, with References.
                self.assertLessEqual(set(expected), set(names))
            self.assert_only(transaction, expected, 3)
            self.assertEqual(parts, len(list(email.message_from_bytes(
                transaction.content).walk())))
        attempts = [(number := next(self.numbers), f"{field}: {what}",
                     draft_with("alice", number, field, value))
                    for field in JSON_FIELDS for what, value in values()]
        refused, sent = self.attack(attempts, self.post_draft, check)
        print(f"JSON: {len(attempts)} attempts, {refused} refused, {sent} sent as they are",
              flush=True)
        self.assertGreaterEqual(min(refused, sent), ATTEMPTS_MIN)

    def test_raw(self):
        def post(raw):
            return self.post(raw, "message/rfc822", "/v1/submissions?mailbox=alice")

        def check(number, what, raw, transaction):
            # What every reader sees once every line end is the same one.
            lines = re.sub(rb"\r\n|\r|\n", b"\r\n", raw)
            expected = [name for name in names_of(lines) if name.strip().lower() != b"bcc"]
            found = names_of(transaction.content)
            self.assertEqual(expected, [name for name in found if name in expected])
            self.assertLessEqual(set(found) - set(expected), {b"Date", b"Message-ID"})
            head = re.sub(rb"\r\n(?=[ \t])", b"", lines.split(b"\r\n\r\n", 1)[0])
            given = {address for role in "tcb"  # A blank line may have made some of it the body.
                     if (address := f"{role}{number}@{DOMAIN}").encode() in head}
            extra = set(transaction.recipients) - given
            # Whom the message's own lines name besides is whom its sender asked for.
            named = re.search(rb"^(to|cc|bcc)[ \t]*:.*" + EVIL.encode(), head, re.I | re.M)
            if named:
                self.assertTrue(all(each.startswith(EVIL) or each.startswith("evil@x.xn--")
                                    for each in extra), (what, extra))
            else:
                self.assert_only(transaction, found, len(given))
        attempts = [(number := next(self.numbers), f"{field}: {what}",
                     raw_with(number, field, value))
                    for field in RAW_FIELDS for what, value in values()]
        refused, sent = self.attack(attempts, post, check)
        print(f"raw: {len(attempts)} attempts, {refused} refused, {sent} sent as they are",
              flush=True)
        self.assertGreaterEqual(min(refused, sent), ATTEMPTS_MIN)


if __name__ == "__main__":
    main()
