"""`mailhaul collect`: everything arrives, byte for byte, and nothing is fetched twice."""

import os
import pty
import subprocess

from support import BINARY, IntegrationTest, main, sha256

SUMMARY_KEYS = {"mailboxes": {"total", "complete", "failed"},
                "messages": {"fetched", "stored", "duplicates", "quarantined"},
                "bytes": {"fetched", "stored"}}
BARE_LF = b"Subject: bare line feeds\nFrom: a@b.example\n\nOne line\nand another\n"


class CollectTest(IntegrationTest):

    def test_every_message_is_stored_with_its_very_bytes(self):
        summary = self.work.collect_json()
        held = self.assert_store_holds_everything()
        self.assertEqual(held.total(), summary["messages"]["stored"])
        self.assert_mailboxes(summary, complete=2, failed=0)

    def test_the_summary_has_the_documented_form(self):
        summary = self.work.collect_json()
        for name, keys in SUMMARY_KEYS.items():
            self.assertLessEqual(keys, set(summary[name]), name)
            for key in keys:
                self.assertIsInstance(summary[name][key], int, f"{name}.{key}")
        self.assertIsInstance(summary["seconds"], (int, float))
        self.assertEqual([], summary["failures"])
        self.assertGreater(summary["bytes"]["fetched"], 0)

    def test_a_second_run_fetches_nothing(self):
        self.work.collect_json()
        again = self.work.collect_json()
        self.assertEqual(0, again["messages"]["fetched"])
        self.assertEqual(0, again["messages"]["stored"])
        self.assertEqual(0, again["bytes"]["fetched"])
        self.assertEqual(2, again["mailboxes"]["complete"])

    def test_a_message_added_meanwhile_is_fetched_alone(self):
        self.work.collect_json()
        self.work.append("alice", b"Subject: added\r\n\r\nmeanwhile\r\n", "Projekte/Büro")
        added = self.work.collect_json()
        self.assertEqual(1, added["messages"]["fetched"])
        self.assertEqual(1, added["messages"]["stored"])
        self.assert_store_holds_everything()

    def test_a_message_with_bare_line_feeds_is_kept_as_the_server_sends_it(self):
        maildir = self.work.server.maildir(self.work.boxes["bob"])
        (maildir / "new" / "1700000000.bare.demo").write_bytes(BARE_LF)
        self.work.server.adopt_mail()
        self.work.collect_json()
        held = self.assert_store_holds_everything()
        self.assertIn(("bob", "INBOX", sha256(BARE_LF.replace(b"\n", b"\r\n"))), held)

    def test_json_stands_alone_on_standard_output(self):
        done = self.work.collect("--json")
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertEqual("{", done.stdout.lstrip()[:1])
        self.assertEqual("}", done.stdout.rstrip()[-1:])

    def test_without_a_terminal_there_is_no_progress_bar(self):
        done = self.work.collect()
        self.assertEqual(0, done.returncode, done.stderr)
        self.assert_plain_text(done.stdout + done.stderr)

    def test_on_a_terminal_there_is_a_progress_bar(self):
        ours, theirs = pty.openpty()
        process = subprocess.Popen([BINARY, "collect", "-c", self.work.configuration],
                                   stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs,
                                   env={**os.environ, "TERM": "xterm"})
        os.close(theirs)
        shown = bytearray()
        try:
            while piece := os.read(ours, 65536):
                shown += piece
        except OSError:
            pass  # Linux reports the other end's closing as EIO.
        finally:
            os.close(ours)
        self.assertEqual(0, process.wait(timeout=60), shown.decode(errors="replace"))
        self.assertRegex(bytes(shown), rb"\r\[[#.]+\] \d/2 mailboxes .*\d+ messages")
        self.assertRegex(bytes(shown), rb"\r\[#+\] 2/2 mailboxes")

    def test_the_source_is_left_as_it_was(self):
        def flags():
            seen = {}
            for box, address in self.work.boxes.items():
                connection = self.work.server.connect(address)
                connection.select("INBOX", readonly=True)
                seen[box] = sorted(connection.fetch("1:*", "(UID FLAGS)")[1])
                connection.logout()
            return seen
        before = flags()
        self.work.collect_json()
        self.assertEqual(before, flags())


class LargeMessageTest(IntegrationTest):

    counts = {"carol": 22}
    options = {"large": True}

    def test_a_message_of_twelve_megabytes_is_stored_whole(self):
        summary = self.work.collect_json()
        self.assertGreater(summary["bytes"]["fetched"], 12_000_000)
        self.assert_store_holds_everything()


class EmptyMailboxTest(IntegrationTest):

    counts = {"nobody": 0}

    def test_an_empty_mailbox_is_complete(self):
        summary = self.work.collect_json()
        self.assert_mailboxes(summary, complete=1, failed=0)
        self.assertEqual(0, summary["messages"]["stored"])


if __name__ == "__main__":
    main()
