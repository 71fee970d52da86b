"""Connections to the mail server: encrypted as configured, or not made at all."""

import tempfile
import pathlib

from support import IntegrationTest, dovecot, main


class TlsTest(IntegrationTest):

    counts = {"alice": 22}

    def fails_with_tls(self):
        """Collects, expects the one mailbox to fail, and returns what was said about it."""
        summary = self.work.collect_json(expected_code=1)
        self.assertEqual(0, summary["messages"]["fetched"])
        self.assert_mailboxes(summary, complete=0, failed=1)
        failure, = summary["failures"]
        self.assertTrue(failure["mailbox"].endswith("alice"), failure)
        self.assertEqual("tls_failed", failure["code"])
        self.assert_nobody_logged_in()
        return failure["detail"]

    def setUp(self):
        super().setUp()
        self.logins = self.count_logins()

    def count_logins(self):
        return self.work.server.log_text().count("imap-login: Info: Login:")

    def assert_nobody_logged_in(self):
        self.assertEqual(self.logins, self.count_logins(), "a password went over the wire")

    def test_implicit_tls(self):
        self.work.collect_json()
        self.assert_store_holds_everything()

    def test_starttls(self):
        box = self.work.mailbox("alice", port=self.work.server.imap_port, security="starttls")
        self.work.configuration = self.work.configure(mailboxes=[box])
        self.work.collect_json()
        lines = [line for line in self.work.server.log_text().splitlines() if "Login:" in line]
        self.assertIn(", TLS,", lines[-1])
        self.assert_store_holds_everything()

    def test_an_unknown_authority_is_refused(self):
        with tempfile.TemporaryDirectory() as other:
            stranger = dovecot.make_authority(pathlib.Path(other))
            self.work.configuration = self.work.configure(ca_file=stranger)
            detail = self.fails_with_tls()
        self.assertRegex(detail, r"(?i)certificate|issuer|authority")
        self.assertRegex(detail, r"localhost")

    def test_an_unknown_authority_is_refused_after_starttls_too(self):
        with tempfile.TemporaryDirectory() as other:
            stranger = dovecot.make_authority(pathlib.Path(other))
            box = self.work.mailbox("alice", port=self.work.server.imap_port, security="starttls")
            self.work.configuration = self.work.configure(mailboxes=[box], ca_file=stranger)
            self.fails_with_tls()

    def test_tls_against_a_port_without_it_is_refused(self):
        box = self.work.mailbox("alice", port=self.work.server.imap_port)
        self.work.configuration = self.work.configure(mailboxes=[box])
        self.assertRegex(self.fails_with_tls(), r"(?i)starttls|not.*tls")


class WrongNameTest(TlsTest):
    """The server's certificate is for another host."""

    options = {"names": ("imap.elsewhere.example",)}

    def test_implicit_tls(self):
        detail = self.fails_with_tls()
        self.assertIn("localhost", detail)
        self.assertIn("imap.elsewhere.example", detail)

    def test_starttls(self):
        box = self.work.mailbox("alice", port=self.work.server.imap_port, security="starttls")
        self.work.configuration = self.work.configure(mailboxes=[box])
        self.assertIn("imap.elsewhere.example", self.fails_with_tls())


if __name__ == "__main__":
    main()
