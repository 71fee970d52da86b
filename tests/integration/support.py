"""What the integration tests share: a Dovecot with mail, a configuration, and the program.

The truth is always what the server itself hands out over IMAP; every comparison is a multiset of
(mailbox, folder, SHA-256 of the raw bytes), so that a loss and a double both show.
"""

import collections
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.dont_write_bytecode = True
sys.path.insert(0, str(ROOT / "tools" / "demo"))

import config_files  # noqa: E402  (the path above comes first)
import dovecot  # noqa: E402
import make_mail  # noqa: E402
import program  # noqa: E402
from dovecot_server import DovecotServer  # noqa: E402
from mail_server import folder_name, sha256  # noqa: E402, F401  (for the tests)

BINARY = pathlib.Path(os.environ.get("MAILHAUL_BINARY", ROOT / "build/release/mailhaul"))
NOW = int(time.time()) // 3600 * 3600
RUN_SECONDS_MAX = 240
TENANT = "acme"
PAUSE_SECONDS = 0.05


def wait_until(predicate, what, seconds=60):
    """Asks again and again, at most `seconds` long; the answer that is true is returned."""
    deadline, pause = time.monotonic() + seconds, threading.Event()
    while True:
        answer = predicate()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds} s")
        pause.wait(PAUSE_SECONDS)


class Workspace:
    """One temporary folder with a server and a configuration of one tenant.

    `counts` maps mailbox ids to how many messages each gets. They are written as maildirs, so only
    a Dovecot can be given some; other servers start empty.
    """

    def __init__(self, counts, *, large=False, server=DovecotServer, **server_options):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="mailhaul-test-"))
        os.chmod(self.folder, 0o755)
        self.boxes = {box: f"{box}@{TENANT}.example" for box in counts}
        users = {address: f"pass word-{box}" for box, address in self.boxes.items()}
        self.server = server(self.folder / "server", users, **server_options)
        for box, count in counts.items():
            if count:
                mails = make_mail.make_mailbox(f"Owner of {box}", self.boxes[box], count, NOW,
                                               large=large)
                make_mail.write_maildir(self.server.maildir(self.boxes[box]), mails)
        self.server.start()
        self.token = "integration-token-of-acme"
        self.http_port = dovecot.free_ports(1)[0]
        self.data = self.folder / "data"
        self.configuration = self.configure()

    def close(self):
        self.server.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def mailbox(self, box, **changes):
        address = self.boxes[box]
        settings = {"id": box, "address": address, "password": self.server.users[address],
                    "protocol": self.server.protocol, "port": self.server.secure_port(), **changes}
        return config_files.Mailbox(**settings)

    def configure(self, *, mailboxes=None, freshness=("1s", "1s", "1s"), deletions="keep",
                  backfill=True, **main):
        """Writes the configuration anew; returns the path of its main file."""
        tenant = config_files.Tenant(
            TENANT, self.token, mailboxes or [self.mailbox(box) for box in self.boxes],
            freshness=freshness, deletions=deletions, backfill=backfill)
        settings = {"http_port": self.http_port, "ca_file": self.server.ca_file,
                    "data_dir": self.data, **main}
        return config_files.write_configuration(self.folder, config_files.main_yaml(**settings),
                                                [tenant])

    def fresh_data(self):
        shutil.rmtree(self.data, ignore_errors=True)

    def run(self, *arguments, **options):
        """Runs the program to its end; nothing of it is a terminal."""
        return subprocess.run([str(BINARY), *map(str, arguments)], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=RUN_SECONDS_MAX, **options)

    def collect(self, *arguments):
        return self.run("collect", "-c", self.configuration, *arguments)

    def collect_json(self, expected_code=0):
        done = self.collect("--json")
        if done.returncode != expected_code:
            raise AssertionError(f"collect ended with {done.returncode}, not {expected_code}\n"
                                 f"{done.stdout}\n{done.stderr}")
        return json.loads(done.stdout)

    def verify(self):
        """The audit's object; the exit code says the same."""
        done = self.run("verify", "-c", self.configuration, "--json")
        if not done.stdout:
            raise AssertionError(f"verify ended with {done.returncode}: {done.stderr}")
        report = json.loads(done.stdout)
        if done.returncode != (0 if report["sound"] else 3):
            raise AssertionError(f"verify ended with {done.returncode}\n{done.stdout}")
        return report

    def serve(self):
        return program.Server(BINARY, self.configuration, self.http_port,
                              self.folder / "serve.log")

    def api(self):
        return program.Api(self.http_port, self.token)

    def append(self, box, raw, folder="INBOX"):
        self.server.deliver(self.boxes[box], folder, raw)

    def on_server(self):
        """Every message the server holds."""
        return collections.Counter({
            (box, *key): count for box, address in self.boxes.items()
            for key, count in self.server.contents(address).items()})

    def in_store(self, api):
        """Every message the HTTP endpoint shows, with its raw bytes read back."""
        return collections.Counter((item["mailbox"], item["folder"], sha256(api.raw(item["id"])))
                                   for item in api.all("/v1/messages?limit=200"))


class IntegrationTest(unittest.TestCase):
    """A test with a Workspace of its class; `counts` and `options` are set by the class."""

    counts = {"alice": 40, "bob": 25}
    options = {}
    longMessage = True
    maxDiff = 2000

    @classmethod
    def setUpClass(cls):
        if not BINARY.exists():
            raise AssertionError(f"{BINARY} does not exist: run ./dev build first")
        cls.work = Workspace(cls.counts, **cls.options)
        cls.addClassCleanup(cls.work.close)

    def setUp(self):
        self.work.fresh_data()
        self.work.configuration = self.work.configure()

    def tearDown(self):
        # Whatever a test did to the program, what it left is sound.
        if (self.work.data / "records" / "CURRENT").exists():
            self.work.configuration = self.work.configure()  # Some tests spoil it.
            self.assert_sound()

    def assert_sound(self):
        report = self.work.verify()
        self.assertTrue(report["sound"], report["findings"])
        return report

    def assert_same_messages(self, expected, found):
        lost, extra = expected - found, found - expected
        self.assertFalse(lost or extra, f"lost: {list(lost.items())[:5]} ({lost.total()} in all)\n"
                         f"too many: {list(extra.items())[:5]} ({extra.total()} in all)")

    def assert_store_holds_everything(self):
        """Serves the data directory and compares every raw message with the server's."""
        expected = self.work.on_server()
        self.assertGreater(expected.total(), 0)
        with self.work.serve():
            self.assert_same_messages(expected, self.work.in_store(self.work.api()))
        return expected

    def assert_mailboxes(self, summary, *, complete, failed):
        self.assertEqual({"total": complete + failed, "complete": complete, "failed": failed,
                          "deferred": 0}, summary["mailboxes"])

    def assert_plain_text(self, text):
        """No progress bar, no colours: what a log file or a pipe should get."""
        self.assertNotIn("\r", text)
        self.assertNotIn("\x1b", text)


def main():
    unittest.main(verbosity=2)
