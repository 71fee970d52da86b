"""The same collection, message for message, from servers of different make.

Each server is asked over its own protocol, by Python's own clients, what it holds; that is what
the store must hold too. See the classes at the end for what is run.
"""

import collections
import re

from support import NOW, DovecotServer, IntegrationTest, main, make_mail, sha256
from courier import Pop3Courier, PrivateCourier  # After support, which sets the path.
from cyrus import PrivateCyrus
from dovecot_server import Pop3Dovecot

ORDINARY = 160
LARGE_BYTES = 2 << 20
BOX = "alice"
WRONG_NAME = "imap.elsewhere.example"
EMPTY_FOLDERS = ("Leer", "日本語/空")


def line(text, count):
    return (text * (count // len(text) + 1))[:count]


def odd_mails():
    """What strains one server or another, by name: sizes, bytes, folders."""
    large = "".join(line("large mail ", 76) + "\r\n" for _ in range(LARGE_BYTES // 78))
    head = b"From: a@b.example\r\nSubject: "
    return {
        "two megabytes": ("INBOX", head + b"large\r\n\r\n" + large.encode()),
        "empty body": ("INBOX", head + b"empty body\r\n\r\n"),
        "header only": ("INBOX", head + b"no empty line after it\r\n"),
        "latin-1": ("INBOX", head + b"\xe4\xf6\xfc\r\nX-Odd: \xff\xfe\x80\r\n\r\nbody \xe9\r\n"),
        "utf-8": ("INBOX", head + "ü 日本\r\n\r\nüber\r\n".encode()),
        "open end": ("INBOX", head + b"no line end at the end\r\n\r\nlast line"),
        "dots": ("INBOX", head + b"dots\r\n\r\n.\r\n..\r\n. \r\n...\r\n.leading\r\n.\r\n"),
        "long line": ("INBOX", head + b"long line\r\n\r\n" + b"y" * 60_000 + b"\r\n"),
        "like IMAP": ("INBOX", head + b"{5}\r\n\r\n{12}\r\n)\r\n* 1 FETCH (UID 1)\r\nA1 OK\r\n"),
        "no header": ("INBOX", b"\r\nno header at all\r\n"),
        "broken header": ("INBOX", b"not a header line\r\nSubject: after it\r\n\r\nbody\r\n"),
        "bare line feeds": ("INBOX", b"Subject: bare\nFrom: a@b.example\n\nOne\nand two\n"),
        "mixed line ends": ("INBOX", b"Subject: mixed\r\nX: 1\n\r\nOne\nand\r\ntwo\r\n"),
        "ampersand": ("R&D/Büro", head + b"in a folder with an ampersand\r\n\r\nx\r\n"),
        "Japanese": ("日本語", head + b"in Japanese\r\n\r\nx\r\n"),
        "deep": ("日本語/深い/もっと深い", head + b"deep down\r\n\r\nx\r\n"),
        "deep again": ("日本語/深い/もっと深い", head + b"deep down\r\n\r\nx\r\n"),
        "quotes": ('"quoted" (and) {more}*', head + b"folder to be quoted\r\n\r\nx\r\n"),
    }


class Interop:
    """The body; a class below mixes it with a server."""

    counts = {BOX: 0}
    refused = frozenset()  # The odd mails this server does not take,
    changed = frozenset()  # and those it hands out with other bytes.

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        server, user = cls.work.server, cls.work.boxes[BOX]
        odd = odd_mails()
        cls.whole = [(mail.folder, mail.raw) for mail in make_mail.make_mailbox(
            "Owner of alice", user, ORDINARY, NOW)]
        cls.whole += [odd[name] for name in odd.keys() - cls.refused - cls.changed]
        changed = [odd[name] for name in odd.keys() & cls.changed]
        cls.delivered = len(cls.whole) + len(changed)
        cls.deliver(cls.whole + changed)
        for folder in EMPTY_FOLDERS:
            server.create(user, folder)
        cls.assert_server_is_whole()

    @classmethod
    def deliver(cls, mails):
        if cls.work.server.protocol == "pop3":  # Which sees the INBOX only.
            mails = [("INBOX", raw) for _, raw in mails]
        cls.work.server.deliver_all(cls.work.boxes[BOX], mails)

    @classmethod
    def assert_server_is_whole(cls):
        """Else the comparisons below would compare one loss with another."""
        found = [digest for (_, digest), count in
                 cls.work.server.contents(cls.work.boxes[BOX]).items() for _ in range(count)]
        lost = collections.Counter(sha256(raw) for _, raw in cls.whole) - collections.Counter(found)
        if lost or len(found) != cls.delivered:
            raise AssertionError(f"{len(found)} messages; not as delivered: "
                                 f"{[raw[:80] for _, raw in cls.whole if sha256(raw) in lost]}")

    def collect(self, **changes):
        self.work.configuration = self.work.configure(
            mailboxes=[self.mailbox(**changes)], freshness=("1h", "1h", "1h"))
        return self.work.collect_json()

    def mailbox(self, **changes):
        return self.work.mailbox(BOX, **changes)

    def logins(self, server):
        return len(re.findall(server.login_pattern, server.log_text()))

    def test_everything_arrives_and_then_only_what_is_new(self):
        first = self.collect()
        held = self.assert_store_holds_everything()
        self.assertEqual(held.total(), first["messages"]["stored"])
        again = self.collect()
        self.assertEqual((0, 0), (again["messages"]["fetched"], again["bytes"]["fetched"]))
        self.work.append(BOX, b"Subject: meanwhile\r\n\r\nnew\r\n", "INBOX")
        added = self.collect()
        self.assertEqual((1, 1), (added["messages"]["fetched"], added["messages"]["stored"]))
        self.assert_store_holds_everything()

    def test_starttls_gives_the_same(self):
        self.collect(port=self.work.server.plain_port(), security="starttls")
        self.assert_store_holds_everything()

    def test_a_wrong_password_is_told_from_an_outage(self):
        self.work.configuration = self.work.configure(mailboxes=[self.mailbox(password="wrong")])
        summary = self.work.collect_json(expected_code=1)
        self.assertEqual(["auth_failed"], [each["code"] for each in summary["failures"]])
        self.assertEqual(0, summary["messages"]["fetched"])

    def test_a_certificate_for_another_host_is_refused(self):
        users = self.work.server.users
        other = self.options["server"](self.work.folder / "other", users, names=(WRONG_NAME,))
        with other:
            for settings in ({"port": other.secure_port()},
                             {"port": other.plain_port(), "security": "starttls"}):
                self.work.configuration = self.work.configure(
                    mailboxes=[self.mailbox(**settings)], ca_file=other.ca_file)
                summary = self.work.collect_json(expected_code=1)
                self.assertEqual(["tls_failed"], [each["code"] for each in summary["failures"]])
                self.assertIn(WRONG_NAME, summary["failures"][0]["detail"])
                self.assertEqual(0, summary["messages"]["fetched"])
            self.assertEqual(0, self.logins(other), "a password went over the wire")
        self.assertGreater(self.logins(self.work.server), 0, "else the pattern is wrong")


class DovecotTest(Interop, IntegrationTest):
    options = {"server": DovecotServer}
    changed = {"bare line feeds", "mixed line ends"}


class CourierTest(Interop, IntegrationTest):
    options = {"server": PrivateCourier}
    changed = {"bare line feeds", "mixed line ends", "open end"}


class DovecotPop3Test(Interop, IntegrationTest):
    options = {"server": Pop3Dovecot}
    changed = {"bare line feeds", "mixed line ends", "open end"}


class CourierPop3Test(Interop, IntegrationTest):
    options = {"server": Pop3Courier}
    changed = {"bare line feeds", "mixed line ends", "open end"}


class CyrusTest(Interop, IntegrationTest):
    options = {"server": PrivateCyrus}
    refused = {"bare line feeds", "mixed line ends", "broken header", "quotes"}


if __name__ == "__main__":
    main()
