"""`status --watch` on a terminal: what it shows, that it fits, and what it leaves behind."""

import os
import signal
import subprocess
import unittest

from support import BINARY, IntegrationTest, main, wait_until
from terminal import Terminal

HOSTILE = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202e"


class WatchTest(IntegrationTest):

    counts = {"alice": 6, "bob": 4}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        try:
            for end in os.openpty():
                os.close(end)
        except OSError as error:
            raise unittest.SkipTest(f"there is no pseudo terminal: {error}") from None

    def watch(self, *arguments, **options):
        return Terminal([BINARY, "status", "--watch", "--interval", "200ms", "-c",
                         self.work.configuration, *arguments], **options)

    def assert_clean(self, terminal):
        self.assertEqual([], terminal.screen.unknown)

    def test_shows_speed_tenants_pools_and_troubles(self):
        wrong = self.work.mailbox("bob", password="wrong")
        self.work.configuration = self.work.configure(
            mailboxes=[self.work.mailbox("alice"), wrong])
        with self.work.serve(), self.watch() as terminal:
            terminal.wait_for_text("messages/s", "checks/s", "TENANT", "acme", "POOL", "localhost",
                                   "IN TROUBLE", "acme/bob", "refused", "2 mailboxes",
                                   "1 in trouble")
            self.assertEqual(0, terminal.screen.outside)
            terminal.type(b"q")
            self.assertEqual(0, terminal.wait())
            self.assertTrue(terminal.is_as_before())
            self.assert_clean(terminal)

    def test_follows_the_size_of_the_terminal(self):
        with self.work.serve(), self.watch(columns=120, rows=40) as terminal:
            terminal.wait_for_text("FIRST RUN", "OUTAGES", "q or Ctrl-C")
            terminal.resize(44, 9)
            terminal.wait_for(lambda text: "TENANT" in text and "FIRST RUN" not in text
                              and terminal.screen.outside == 0, "a small picture")
            terminal.resize(120, 40)
            terminal.wait_for_text("FIRST RUN", "OUTAGES", "q or Ctrl-C")
            terminal.type(b"\x03")
            self.assertEqual(0, terminal.wait())
            self.assert_clean(terminal)

    def test_says_that_the_server_is_gone_and_goes_on_when_it_is_back(self):
        with self.watch() as terminal:
            terminal.wait_for_text("No answer", "no server runs on", "asked again")
            with self.work.serve():
                terminal.wait_for(lambda text: "No answer" not in text and "acme" in text, "it")
            terminal.wait_for_text("No answer", "What follows is of", "acme")
            with self.work.serve():
                terminal.wait_for(lambda text: "No answer" not in text and "messages/s" in text,
                                  "it again")
            terminal.signal(signal.SIGTERM)
            self.assertEqual(4, terminal.wait())
            self.assertTrue(terminal.is_as_before())
            self.assert_clean(terminal)

    def test_gives_the_terminal_back_while_it_is_suspended(self):
        with self.work.serve(), self.watch() as terminal:
            terminal.wait_for_text("messages/s")
            terminal.type(b"\x1a")  # Ctrl-Z
            wait_until(terminal.is_stopped, "the suspension")
            wait_until(terminal.is_as_before, "the terminal as it was")
            terminal.signal(signal.SIGCONT)
            terminal.wait_for(lambda text: terminal.screen.page == "other" and "acme" in text,
                              "the picture")
            terminal.signal(signal.SIGINT)
            self.assertEqual(0, terminal.wait())
            self.assertTrue(terminal.is_as_before())

    def test_what_others_wrote_cannot_steer_the_terminal(self):
        broken = self.work.folder / "tenants" / f"z{HOSTILE}.yaml"
        with self.work.serve(), self.watch(columns=200) as terminal:
            terminal.wait_for_text("messages/s")
            broken.write_text("tenant: [", encoding="utf-8")
            terminal.wait_for_text("?]0;owned??[2J", "is not in force")
            terminal.type(b"q")
            self.assertEqual(0, terminal.wait())
            self.assert_clean(terminal)
        broken.unlink()

    def test_without_a_terminal_it_is_plain_text(self):
        command = [BINARY, "status", "--watch", "--interval", "200ms", "-c",
                   self.work.configuration]
        with self.work.serve():
            for environment in ({}, {"TERM": "xterm"}):
                with subprocess.Popen(command, stdout=subprocess.PIPE, text=True,
                                      env={**os.environ, **environment}) as plain:
                    shown = ""
                    while shown.count("messages/s") < 2:
                        line = plain.stdout.readline()
                        self.assertNotEqual("", line, f"it ended after:\n{shown}")
                        shown += line
                    plain.send_signal(signal.SIGINT)
                    shown += plain.stdout.read()
                    self.assertEqual(0, plain.wait())
                self.assertNotIn("\x1b", shown)
                self.assertIn("acme", shown)
            with Terminal([*command], TERM="dumb") as terminal:
                terminal.wait_for_text("messages/s")
                self.assertNotIn(b"\x1b", terminal.sent)

    def test_a_reader_that_goes_away_ends_it(self):
        with self.work.serve():
            done = subprocess.run(
                f"'{BINARY}' status --watch --interval 200ms -c '{self.work.configuration}' | "
                "head -n 1; exit ${PIPESTATUS[0]}", shell=True, executable="/bin/bash",
                capture_output=True, text=True, timeout=60)
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertIn("mailhaul", done.stdout)

    def test_refuses_options_that_mean_nothing(self):
        for options in (("--interval", "2s"), ("--watch", "--json"),
                        ("--watch", "--interval", "10ms"), ("--watch", "--interval", "soon")):
            done = self.work.run("status", "-c", self.work.configuration, *options)
            self.assertEqual(2, done.returncode, options)


if __name__ == "__main__":
    main()
