"""Collection over POP3 from a real Dovecot.

The truth is what Python's own client is given over POP3 (poplib); it differs from IMAP's where a
message does not end in a line end.
"""

import collections
import contextlib
import datetime
import email
import email.utils
import poplib

from support import NOW, IntegrationTest, main, make_mail, sha256, wait_until

EXIT_SOME_FAILED = 1
SECRET = "wrong-and-secret"
BOX = "alice"
COUNT = 90


def odd_mails():
    """What a client may get wrong over POP3: dots, line ends, sizes."""
    head = b"From: a@b.example\r\nSubject: "
    large = b"".join(b"%07d %s\r\n" % (n, b"large mail " * 6) for n in range(40_000))
    return [
        head + b"dots\r\n\r\n.\r\n..\r\n. \r\n...\r\n.leading\r\n.\r\n",
        b".dot: in the header\r\n\r\nx\r\n",
        head + b"only a header\r\n",
        head + b"empty body\r\n\r\n",
        head + b"no line end at the end\r\n\r\nlast line",
        head + b"long line\r\n\r\n" + b"y" * 60_000 + b"\r\n",
        head + b"like an answer\r\n\r\n+OK 3 octets\r\n-ERR no\r\n",
        head + b"bytes\r\n\r\n\xff\xfe\x80 \xe9\r\n",
        head + b"three megabytes\r\n\r\n" + large,
    ]


class Pop3Test(IntegrationTest):

    counts = {BOX: 0}
    options = {"pop3": True}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.user = cls.work.boxes[BOX]
        mails = make_mail.make_mailbox("Owner of alice", cls.user, COUNT, NOW)
        mails = sorted((mail for mail in mails if mail.folder == "INBOX"),
                       key=lambda mail: mail.date)
        cls.work.server.deliver_all(cls.user, [("INBOX", mail.raw) for mail in mails])
        cls.work.server.deliver_all(cls.user, [("INBOX", raw) for raw in odd_mails()])

    def setUp(self):
        super().setUp()
        self.configure()

    def configure(self, *, security="tls", password=None, **settings):
        server = self.work.server
        changes = {"protocol": "pop3", "security": security,
                   "port": server.pop3s_port if security == "tls" else server.pop3_port}
        if password is not None:
            changes["password"] = password
        self.work.configuration = self.work.configure(
            mailboxes=[self.work.mailbox(BOX, **changes)], **settings)

    @contextlib.contextmanager
    def pop3(self):
        connection = poplib.POP3_SSL("127.0.0.1", self.work.server.pop3s_port,
                                     context=self.work.server.tls(), timeout=60)
        try:
            connection.user(self.user)
            connection.pass_(self.work.server.users[self.user])
            yield connection
        finally:
            connection.quit()

    def on_server(self):
        """(unique id, raw bytes) of everything, in the server's order."""
        with self.pop3() as connection:
            ids = [line.split()[1] for line in connection.uidl()[1]]
            return [(unique_id, b"".join(line + b"\r\n" for line in connection.retr(n)[1]))
                    for n, unique_id in enumerate(ids, 1)]

    def expected(self):
        return collections.Counter((BOX, "INBOX", sha256(raw)) for _, raw in self.on_server())

    def assert_store_holds_everything(self):
        with self.work.serve():
            self.assert_same_messages(self.expected(), self.work.in_store(self.work.api()))

    def arrival(self, raw):
        """The date of the topmost Received field, else of Date; None if neither can be read."""
        message = email.message_from_bytes(raw)
        dates = [text.rsplit(";", 1)[1] for text in message.get_all("Received", []) if ";" in text]
        for text in dates + message.get_all("Date", []):
            with contextlib.suppress(ValueError, TypeError):
                return email.utils.parsedate_to_datetime(str(text)).astimezone(
                    datetime.timezone.utc)
        return None

    def test_every_message_comes_byte_for_byte_and_stays_on_the_server(self):
        before = self.on_server()
        summary = self.work.collect_json()
        self.assert_mailboxes(summary, complete=1, failed=0)
        self.assertEqual(len(before), summary["messages"]["fetched"])
        self.assertEqual(len(before), summary["messages"]["stored"])
        self.assert_store_holds_everything()
        self.assertEqual(before, self.on_server())

    def test_a_second_run_fetches_nothing(self):
        self.work.collect_json()
        summary = self.work.collect_json()
        self.assert_mailboxes(summary, complete=1, failed=0)
        self.assertEqual(0, summary["messages"]["fetched"])

    def test_a_message_added_meanwhile_is_fetched_alone(self):
        self.work.collect_json()
        self.work.append(BOX, b"Subject: added later\r\n\r\nnew\r\n")
        summary = self.work.collect_json()
        self.assertEqual(1, summary["messages"]["fetched"])
        self.assertEqual(1, summary["messages"]["stored"])
        self.assert_store_holds_everything()

    def test_a_message_deleted_at_the_source_is_kept(self):
        self.work.append(BOX, b"Subject: to be deleted\r\n\r\nsoon\r\n")
        self.work.collect_json()
        kept = self.expected()
        with self.pop3() as connection:
            connection.dele(len(connection.list()[1]))
        self.assertEqual(0, self.work.collect_json()["messages"]["fetched"])
        with self.work.serve():
            self.assert_same_messages(kept, self.work.in_store(self.work.api()))

    def test_the_window_is_honoured(self):
        self.configure(backfill=False)
        first = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=30)
        day = first.replace(hour=0, minute=0, second=0, microsecond=0) - datetime.timedelta(days=1)
        arrivals = [self.arrival(raw) for _, raw in self.on_server()]
        inside = sum(1 for each in arrivals if each is None or each >= day)
        self.assertLess(inside, len(arrivals))
        summary = self.work.collect_json()
        self.assertEqual(inside, summary["messages"]["fetched"])
        self.assertEqual(0, self.work.collect_json()["messages"]["fetched"])

    def test_messages_show_when_they_arrived(self):
        self.work.collect_json()
        told = {sha256(raw): self.arrival(raw) for _, raw in self.on_server()}
        with self.work.serve():
            api = self.work.api()
            for item in api.all("/v1/messages?limit=200"):
                arrival = told[sha256(api.raw(item["id"]))]
                received = datetime.datetime.fromisoformat(
                    item["received_at"].replace("Z", "+00:00"))
                if arrival is not None:
                    self.assertEqual(arrival, received, item["subject"])
                else:
                    self.assertGreater(received.timestamp(), NOW - 3600)

    def test_new_unique_ids_double_nothing(self):
        """Without its indexes Dovecot gives new ones, as after a restore."""
        self.work.collect_json()
        ids = [unique_id for unique_id, _ in self.on_server()]
        self.work.server.stop()
        for path in self.work.server.maildir(self.user).rglob("dovecot*"):
            if path.is_file():
                path.unlink()
        self.work.server.start()
        self.configure()
        self.assertFalse(set(ids) & {unique_id for unique_id, _ in self.on_server()})
        summary = self.work.collect_json()
        self.assertEqual(0, summary["messages"]["stored"])
        self.assertEqual(len(ids), summary["messages"]["duplicates"])
        self.assert_store_holds_everything()

    def test_stls_is_used_where_it_is_asked_for(self):
        self.configure(security="starttls")
        self.assert_mailboxes(self.work.collect_json(), complete=1, failed=0)
        self.assert_store_holds_everything()

    def test_a_wrong_password_is_told_but_never_shown(self):
        self.configure(password=SECRET)
        summary = self.work.collect_json(expected_code=EXIT_SOME_FAILED)
        failure, = summary["failures"]
        self.assertEqual("auth_failed", failure["code"])
        self.assertNotIn(SECRET, str(failure))

    def test_a_server_collects_what_comes(self):
        with self.work.serve():
            api = self.work.api()
            for subject in ("while serving", "a second later"):
                self.work.append(BOX, f"Subject: {subject}\r\n\r\nnow\r\n".encode())
                expected = self.expected()
                wait_until(lambda: self.work.in_store(api) == expected, f"{subject}: not collected")


if __name__ == "__main__":
    main()
