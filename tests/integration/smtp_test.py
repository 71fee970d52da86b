"""Submission to a real Postfix: what arrives is what was sent, and nothing arrives that was not."""

import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.dont_write_bytecode = True
sys.path.insert(0, str(ROOT / "tools" / "demo"))

import postfix  # noqa: E402  (the path above comes first)
from support import sha256, wait_until  # noqa: E402

SUBMIT = pathlib.Path(os.environ.get("SMTP_SUBMIT",
                                     ROOT / "build/release/tests/integration/smtp_submit"))
USER, PASSWORD = "alice@acme.example", "pass word \"1\" ü"
SECONDS_MAX = 60
BOB, CAROL = f"bob@{postfix.DOMAIN}", f"carol@{postfix.DOMAIN}"

HEAD = "From: alice@acme.example\r\nTo: bob@dest.example\r\nMessage-ID: <{0}@acme.example>\r\n" \
       "Date: Tue, 24 Nov 2026 12:00:00 +0000\r\nSubject: {0}\r\n\r\n"


def mail(name, body):
    head = HEAD.format(name).encode()
    return head + (body if isinstance(body, bytes) else body.encode())


MAILS = {
    "plain": mail("plain", "Hello.\r\n"),
    "dots": mail("dots", ".\r\n..\r\n...\r\n.leading\r\n. \r\n.\r\n"),
    "empty": mail("empty", ""),
    "utf-8": mail("utf-8", "Grüße, 日本語\r\n"),
    "bytes": mail("bytes", bytes(byte for byte in range(1, 256) if byte not in b"\r\n") + b"\r\n"),
    "blank-lines": mail("blank-lines", "\r\n" * 50),
    "long-lines": mail("long-lines", ("x" * 998 + "\r\n") * 20),
    "large": mail("large", ("." + "y" * 76 + "\r\n") * 5000),
    "line-feeds": mail("line-feeds", "one\ntwo\n.\nthree\n"),
    "carriage-returns": mail("carriage-returns", "one\rtwo\r.\rthree\r"),
    "open-end": mail("open-end", "no line end"),
    "smuggle": mail("smuggle", "hello\n.\nMAIL FROM:<evil@acme.example>\nRCPT TO:<bob@dest.example>"
                               "\nDATA\nSubject: smuggled\n\nhi\n.\n"),
    "smuggle-cr": mail("smuggle-cr", "hello\r.\r\nMAIL FROM:<evil@acme.example>\r\n"
                                     "RCPT TO:<bob@dest.example>\r\nDATA\r\nx\r\n.\r\n"),
}


def normal(raw):
    """With the line ends that every server gets."""
    text = re.sub(rb"\r\n|\r|\n", b"\n", raw)
    return text if text.endswith(b"\n") else text + b"\n"


def without_trace(stored):
    """What Postfix puts in front is taken off: Return-Path to Received."""
    lines = stored.split(b"\n")
    index = 0
    while re.match(rb"(Return-Path|X-Original-To|Delivered-To|Received):", lines[index]):
        index += 1
        while lines[index].startswith((b" ", b"\t")):
            index += 1
    return b"\n".join(lines[index:])


def name_of(raw):
    return re.search(rb"^Message-ID: <(.*)@", raw, re.MULTILINE)[1].decode()


class SmtpTest(unittest.TestCase):
    maxDiff = 2000

    @classmethod
    def setUpClass(cls):
        if not SUBMIT.exists():
            raise AssertionError(f"{SUBMIT} does not exist: run ./dev build first")
        cls.server = postfix.PrivatePostfix({USER: PASSWORD})
        cls.server.__enter__()
        cls.addClassCleanup(cls.server.__exit__)
        cls.folder = tempfile.TemporaryDirectory(prefix="mailhaul-smtp-")
        cls.addClassCleanup(cls.folder.cleanup)
        cls.seen = 0  # Sessions that have ended.

    def submit(self, mails, *, security="starttls", how="data", to=BOB, password=PASSWORD, code=0):
        """Sends all over one session; the lines that the program prints."""
        files = []
        for number, raw in enumerate(mails):
            path = pathlib.Path(self.folder.name) / f"{number}.eml"
            path.write_bytes(raw)
            files.append(str(path))
        port = {"starttls": self.server.starttls_port, "tls": self.server.tls_port}[security]
        done = subprocess.run(
            [str(SUBMIT), "localhost", str(port), security, str(self.server.ca_file), USER,
             "alice@acme.example", to, how, *files],
            env={**os.environ, "SMTP_PASSWORD": password}, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=SECONDS_MAX)
        self.assertEqual(code, done.returncode, done.stdout + done.stderr + self.server.log_text())
        return done.stdout.splitlines()

    def results(self, lines):
        return [line for line in lines if not line.startswith(("extensions", "rcpt"))]

    def arrived(self, recipient, count):
        """The `count` messages that have arrived since the test began."""
        def new():
            stored = self.server.delivered(recipient)
            return [raw for name, raw in stored.items() if name not in self.known[recipient]]
        wait_until(lambda: len(new()) >= count, f"{count} messages for {recipient}", SECONDS_MAX)
        self.assertEqual(count, len(new()))
        return new()

    def setUp(self):
        self.known = {name: set(self.server.delivered(name)) for name in self.server.recipients}

    def assert_session(self, **counts):
        """The next session's commands, as Postfix counts them when it ends."""
        ends = wait_until(lambda: self.sessions()[self.seen:], "the end of the session")
        self.__class__.seen += 1
        words = dict(word.split("=") for word in ends[0].split())
        for name, count in counts.items():
            self.assertEqual(str(count), words.get(name, "0"), words)

    def sessions(self):
        return re.findall(r"disconnect from \S+ (.*)", self.server.log_text())

    def all_ended(self):
        begun = re.findall(r"(?<!dis)connect from ", self.server.log_text())
        return len(begun) == len(self.sessions())

    def submit_counted(self, mails, *, counts, **options):
        wait_until(self.all_ended, "the end of earlier sessions")
        self.__class__.seen = len(self.sessions())
        lines = self.submit(mails, **options)
        self.assert_session(**counts)
        return lines

    def test_every_message_arrives_as_it_was_sent(self):
        for security, how in (("starttls", "data"), ("starttls", "bdat"), ("tls", "bdat")):
            with self.subTest(security=security, how=how):
                self.setUp()
                lines = self.submit(MAILS.values(), security=security, how=how)
                self.assertRegex(lines[0], "pipelining chunking 8bitmime smtputf8 dsn size=1000000")
                self.assertEqual(len(MAILS), len(self.results(lines)))
                for result in self.results(lines):
                    self.assertRegex(result, r"^sent ok 0 1 250 2\.0\.0 Ok: .*queued as ")
                stored = self.arrived("bob", len(MAILS))
                found = {name_of(raw): sha256(without_trace(raw)) for raw in stored}
                self.assertEqual({name: sha256(normal(raw)) for name, raw in MAILS.items()}, found)
                for raw in stored:
                    self.assertRegex(raw, rb"\(using TLSv1\.3 with cipher")
                    self.assertRegex(raw, rb"\(Authenticated sender: alice@acme\.example\)")

    def test_one_session_and_its_commands(self):
        self.submit_counted([MAILS["plain"]] * 3, to=f"{BOB},{CAROL}", counts={
            "ehlo": 2, "starttls": 1, "auth": 1, "mail": 3, "rcpt": 6, "data": 3, "rset": 2,
            "quit": 1})
        blocks = -(-len(MAILS["large"]) // (16 * 1024))  # Four make a chunk.
        self.submit_counted([MAILS["large"]] * 2, security="tls", how="bdat", counts={
            "ehlo": 1, "auth": 1, "mail": 2, "rcpt": 2, "bdat": 2 * -(-blocks // 4), "data": 0,
            "rset": 1, "quit": 1})
        self.arrived("bob", 5)
        self.arrived("carol", 3)

    def test_strong_authentication(self):
        self.submit([MAILS["plain"]])
        self.assertRegex(self.server.log_text(), r"sasl_method=SCRAM-SHA-256, sasl_username=alice")
        self.arrived("bob", 1)

    def test_wrong_password(self):
        lines = self.submit([MAILS["plain"]], password="wrong", code=1)
        self.assertRegex(lines[0], "^auth_failed: ")
        self.assertNotIn("wrong", lines[0])

    def test_too_large_is_refused_before_anything_is_sent(self):
        large = mail("too-large", "z" * 76 + "\r\n") + b"z\r\n" * 400_000
        lines = self.submit_counted([large, MAILS["plain"]], counts={"mail": 1})
        self.assertRegex(self.results(lines)[0], r"^rejected message_rejected 1 0 0$")
        self.assertRegex(self.results(lines)[1], "^sent ok")
        self.arrived("bob", 1)

    def test_refused_recipients(self):
        nobody = f"nobody@{postfix.DOMAIN}"
        lines = self.submit([MAILS["plain"]], to=f"{nobody},{BOB}")
        self.assertRegex(lines[1], "^sent ok 0 1 250")
        self.assertRegex(lines[2], r"^rcpt refused 550 5\.1\.1 ")
        self.assertRegex(lines[3], r"^rcpt accepted 250 2\.1\.5 ")
        lines = self.submit_counted([MAILS["plain"]], to=nobody,
                                    counts={"mail": 1, "rcpt": "0/1", "data": 0})
        self.assertRegex(lines[1], r"^rejected message_rejected 0 0 550 5\.1\.1 ")
        self.arrived("bob", 1)

    def test_other_certificates_are_not_trusted(self):
        with tempfile.TemporaryDirectory() as folder:
            other = postfix.dovecot.make_authority(pathlib.Path(folder))
            mine, self.server.ca_file = self.server.ca_file, other
            try:
                lines = self.submit([MAILS["plain"]], code=1)
            finally:
                self.server.ca_file = mine
        self.assertRegex(lines[0], "^tls_failed: ")


if __name__ == "__main__":
    unittest.main(verbosity=2)
