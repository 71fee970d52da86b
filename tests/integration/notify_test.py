"""What `serve` tells a service manager: ready, reloading, alive, stopping."""

import os
import signal
import socket
import unittest.mock

from support import IntegrationTest, main


class NotifyTest(IntegrationTest):

    counts = {"alice": 2}

    def setUp(self):
        super().setUp()
        path = self.work.folder / "notify"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.socket.settimeout(60)
        self.addCleanup(path.unlink)
        self.addCleanup(self.socket.close)
        self.environment = {"NOTIFY_SOCKET": str(path)}

    def hear(self):
        """The next that is no sign of life."""
        while True:
            said = self.socket.recv(4096).decode()
            if said != "WATCHDOG=1":
                return said

    def hear_past_ready(self):
        """The first look at the files reads them, and tells once more that all is well."""
        while True:
            said = self.hear()
            if not said.startswith("READY=1"):
                return said

    def test_the_manager_hears_of_each_state(self):
        with unittest.mock.patch.dict(os.environ, self.environment):
            with self.work.serve() as server:
                self.assertEqual("READY=1\nSTATUS=collecting 1 mailboxes of 1 tenants", self.hear())
                server.process.send_signal(signal.SIGHUP)
                self.assertRegex(self.hear_past_ready(),
                                 r"^RELOADING=1\nMONOTONIC_USEC=[0-9]+$")
                self.assertRegex(self.hear(), r"^READY=1\n")
                server.stop()
                self.assertEqual("STOPPING=1", self.hear_past_ready())

    def test_the_watchdog_is_fed(self):
        watchdog = {"WATCHDOG_USEC": "100000"}
        with unittest.mock.patch.dict(os.environ, self.environment | watchdog):
            with self.work.serve():
                alive = 0
                while alive < 5:
                    alive += self.socket.recv(4096) == b"WATCHDOG=1"


if __name__ == "__main__":
    main()
