"""`mailhaul verify --online`: what is held beside what a real server lists; nothing is changed."""

import json
import shutil
import signal
import socket
import subprocess

from support import BINARY, RUN_SECONDS_MAX, IntegrationTest, main

DONE, SOME_FAILED, USAGE, STORE, INTERRUPTED = 0, 1, 2, 3, 4
SECRET = "wrong-and-secret"


class VerifyOnline(IntegrationTest):

    def verify_online(self, expected_code, *arguments):
        done = self.work.run("verify", "-c", self.work.configuration, "--online", *arguments)
        self.assertEqual(expected_code, done.returncode, done.stdout + done.stderr)
        return done

    def report(self, expected_code, *arguments):
        report = json.loads(self.verify_online(expected_code, "--json", *arguments).stdout)
        self.assertEqual(expected_code == DONE, report["right"])
        counts = report["messages"]
        self.assertEqual(counts["listed"], sum(counts[part] for part in (
            "held", "left_out", "pending", "older", "missing", "unknown")))
        return report

    def told(self, report):
        """What is not 0 of all messages."""
        return {name: count for name, count in report["messages"].items() if count}

    def folders(self, report):
        return {(folder["mailbox"], folder["folder"]): folder for folder in report["folders"]}


class VerifyOnlineTest(VerifyOnline):

    counts = {"alice": 40, "bob": 25}
    subjects = 0

    def deliver(self, box="alice"):
        VerifyOnlineTest.subjects += 1
        self.work.append(box, f"Subject: verify {self.subjects}\r\n\r\nnew\r\n".encode())

    def last_of_inbox(self, box="alice", expunge=False):
        """(UIDVALIDITY, UID) of the newest message in INBOX."""
        connection = self.work.server.connect(self.work.boxes[box])
        try:
            connection.select("INBOX", readonly=not expunge)
            uid = connection.uid("SEARCH", "ALL")[1][0].split()[-1].decode()
            if expunge:
                connection.uid("STORE", uid, "+FLAGS", r"(\Deleted)")
                connection.expunge()
            return connection.response("UIDVALIDITY")[1][0], uid
        finally:
            connection.logout()

    def make_hole(self, concealed=False):
        """A message that was away when all was collected, and is back under its old UID, as from a
        backup of the server. Concealed: another one is gone, so that their number tells nothing."""
        maildir = self.work.server.maildir(self.work.boxes["alice"])
        self.deliver()
        before = self.last_of_inbox()
        self.deliver()  # Of a later UID, so that the hole lies below what was looked at.
        self.work.server.stop()
        kept = self.work.folder / "kept"
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(maildir, kept)
        self.work.server.start()
        self.work.configuration = self.work.configure()
        connection = self.work.server.connect(self.work.boxes["alice"])
        connection.select("INBOX")
        connection.uid("STORE", before[1], "+FLAGS", r"(\Deleted)")
        connection.expunge()
        connection.logout()
        self.work.collect_json()
        self.report(DONE)
        self.work.server.stop()
        shutil.rmtree(maildir)
        shutil.copytree(kept, maildir)
        if concealed:
            min((maildir / "cur").iterdir()).unlink()
        self.work.server.start()
        self.work.configuration = self.work.configure()
        return before[1]

    def test_after_collecting_all_is_right(self):
        self.work.collect_json()
        report = self.report(DONE)
        held = self.work.on_server().total()
        self.assertEqual({"listed": held, "held": held}, self.told(report))
        self.assertEqual({"total": 2, "right": 2, "wrong": 0, "failed": 0}, report["mailboxes"])
        self.assertEqual([], report["folders"])
        self.assertFalse(report["from_running_server"])
        text = self.verify_online(DONE).stdout
        self.assertEqual(1, text.count("\n"), text)
        self.assertIn("2 of 2 mailboxes are right", text)
        self.assert_plain_text(text)
        self.assertEqual(0, self.work.collect_json()["messages"]["fetched"])

    def test_what_came_and_went_since_is_told_and_nothing_is_changed(self):
        self.deliver()
        self.work.collect_json()
        self.last_of_inbox(expunge=True)
        self.deliver()
        before = self.work.on_server()
        for _ in range(2):
            report = self.report(DONE)
            self.assertEqual((1, 1), (self.told(report)["pending"], self.told(report)["stale"]))
            self.assertEqual({("acme/alice", "INBOX")}, set(self.folders(report)))
        self.assertEqual(before, self.work.on_server())
        self.assertEqual(1, self.work.collect_json()["messages"]["fetched"])

    def test_before_anything_is_collected_there_is_nothing_to_compare(self):
        self.assertIn("collect", self.verify_online(STORE).stderr)
        self.assertFalse(self.work.data.exists())

    def test_a_message_that_is_missing_is_found(self):
        uid = self.make_hole(concealed=True)
        self.assertEqual(0, self.work.collect_json()["messages"]["fetched"])
        report = self.report(SOME_FAILED)
        self.assertEqual(1, report["messages"]["missing"])
        self.assertEqual({"total": 2, "right": 1, "wrong": 1, "failed": 0}, report["mailboxes"])
        self.assertEqual(uid, self.folders(report)["acme/alice", "INBOX"]["missing_uids"])
        text = self.verify_online(SOME_FAILED).stdout
        self.assertRegex(text, rf"acme/alice +INBOX .*missing UIDs {uid}\n")
        self.report(DONE, "--mailbox", "acme/bob")
        with self.work.serve():
            self.assertEqual(1, self.report(SOME_FAILED)["messages"]["missing"])

    def test_a_message_that_came_back_is_collected(self):
        self.make_hole()
        self.assertEqual(1, self.report(SOME_FAILED)["messages"]["missing"])
        self.assertEqual(1, self.work.collect_json()["messages"]["fetched"])
        self.assertEqual(0, self.told(self.report(DONE)).get("missing", 0))

    def test_a_renumbered_mailbox_is_told_and_right_after_the_next_check(self):
        self.work.collect_json()
        self.work.server.stop()
        for path in self.work.server.maildir(self.work.boxes["bob"]).rglob("dovecot*"):
            if path.is_file():
                path.unlink()
        self.work.server.start()
        self.work.configuration = self.work.configure()
        report = self.report(DONE)
        self.assertEqual("renumbered", self.folders(report)["acme/bob", "INBOX"]["state"])
        self.work.collect_json()
        self.assertEqual({"listed", "held"}, set(self.told(self.report(DONE))))

    def test_a_folder_that_was_deleted_and_one_that_is_new(self):
        self.work.server.create(self.work.boxes["bob"], "Going")
        self.work.append("bob", b"Subject: going\r\n\r\nx\r\n", "Going")
        self.work.collect_json()
        connection = self.work.server.connect(self.work.boxes["bob"])
        connection.delete("Going")
        connection.logout()
        self.work.server.create(self.work.boxes["bob"], "Coming")
        self.work.append("bob", b"Subject: coming\r\n\r\nx\r\n", "Coming")
        folders = self.folders(self.report(DONE, "--mailbox", "acme/bob"))
        self.assertEqual("unlisted", folders["acme/bob", "Going"]["state"])
        self.assertEqual("new", folders["acme/bob", "Coming"]["state"])
        self.assertEqual("compared", folders["acme/bob", "INBOX"]["state"])
        connection = self.work.server.connect(self.work.boxes["bob"])
        connection.delete("Coming")
        connection.logout()

    def test_what_cannot_be_compared_is_told_with_the_reason(self):
        self.work.collect_json()
        self.work.configuration = self.work.configure(
            mailboxes=[self.work.mailbox("alice", password=SECRET), self.work.mailbox("bob")])
        report = self.report(SOME_FAILED)
        failure, = report["failures"]
        self.assertEqual(("acme/alice", "auth_failed"), (failure["mailbox"], failure["code"]))
        text = self.verify_online(SOME_FAILED).stdout
        self.assertIn("failed acme/alice: auth_failed: ", text)
        self.assertNotIn(SECRET, text + str(report))

    def test_an_interrupted_one_tells_what_it_has(self):
        self.work.collect_json()
        with socket.create_server(("127.0.0.1", 0)) as silent:
            self.work.configuration = self.work.configure(mailboxes=[
                self.work.mailbox("alice", host="127.0.0.1", port=silent.getsockname()[1])])
            running = subprocess.Popen(
                [BINARY, "verify", "-c", self.work.configuration, "--online", "--json"],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            silent.settimeout(RUN_SECONDS_MAX)
            connection, _ = silent.accept()  # It waits for a greeting now.
            with connection:
                running.send_signal(signal.SIGINT)
                told, _ = running.communicate(timeout=RUN_SECONDS_MAX)
        self.assertEqual(INTERRUPTED, running.returncode)
        report = json.loads(told)
        self.assertEqual((True, False, []),
                         (report["interrupted"], report["right"], report["failures"]))
        self.work.configuration = self.work.configure()
        self.assertEqual({"listed", "held"}, set(self.told(self.report(DONE))))

    def test_wrong_command_lines(self):
        self.work.collect_json()
        for arguments in (["--mailbox", "acme/carol"], ["--mailbox", "alice"]):
            self.verify_online(USAGE, *arguments)
            self.assertFalse((self.work.data / "running").exists(), "an unclean end")
        done = self.work.run("verify", "-c", self.work.configuration, "--mailbox", "acme/alice")
        self.assertEqual(USAGE, done.returncode)
        with self.work.serve():
            self.assertIn("acme/carol",
                          self.verify_online(USAGE, "--mailbox", "acme/carol").stderr)

    def test_a_running_server_compares_with_its_checks(self):
        self.work.collect_json()
        held = self.work.on_server().total()
        # No check would come for hours by itself.
        self.work.configuration = self.work.configure(freshness=("12h", "12h", "12h"))
        with self.work.serve():
            report = self.report(DONE)
            self.assertEqual({"listed": held, "held": held}, self.told(report))
            self.assertTrue(report["from_running_server"])
            self.assertEqual(2, report["mailboxes"]["right"])
            self.deliver("bob")
            report = self.report(DONE, "--mailbox", "acme/bob")
            self.assertEqual(1, report["mailboxes"]["total"])
            self.assertEqual(1, report["messages"]["pending"])
            self.assertIn(("acme/bob", "INBOX"), self.folders(report))

    def test_a_running_server_tells_of_mailboxes_that_fail(self):
        self.work.collect_json()
        self.work.configuration = self.work.configure(
            mailboxes=[self.work.mailbox("alice", password=SECRET), self.work.mailbox("bob")])
        with self.work.serve():
            report = self.report(SOME_FAILED)
        failure, = report["failures"]
        self.assertEqual("acme/alice", failure["mailbox"])
        self.assertNotIn(SECRET, str(report))
        self.assertEqual(1, report["mailboxes"]["right"])


class Pop3VerifyOnlineTest(VerifyOnline):

    counts = {"alice": 30}
    options = {"pop3": True}

    def setUp(self):
        super().setUp()
        server = self.work.server
        self.settings = {"mailboxes": [self.work.mailbox("alice", protocol="pop3",
                                                         port=server.pop3s_port)]}
        self.work.configuration = self.work.configure(**self.settings)

    def in_inbox(self):
        return sum(count for (_, folder, _), count in self.work.on_server().items()
                   if folder == "INBOX")

    def test_a_pop3_mailbox_is_compared(self):
        self.work.collect_json()
        held = self.in_inbox()
        self.assertEqual({"listed": held, "held": held}, self.told(self.report(DONE)))
        self.work.append("alice", b"Subject: since\r\n\r\nnew\r\n")
        for _ in range(2):  # The first has remembered nothing of it.
            self.assertEqual({"listed": held + 1, "held": held, "pending": 1},
                             self.told(self.report(DONE)))
        with self.work.serve():
            report = self.report(DONE)
            self.assertTrue(report["from_running_server"])
            self.assertEqual(held + 1, report["messages"]["listed"])
        connection = self.work.server.connect(self.work.boxes["alice"])
        connection.select("INBOX")
        connection.store("1", "+FLAGS", r"(\Deleted)")
        connection.expunge()
        connection.logout()
        self.work.collect_json()
        report = self.report(DONE)
        self.assertEqual({"listed": held, "held": held, "stale": 1}, self.told(report))


if __name__ == "__main__":
    main()
