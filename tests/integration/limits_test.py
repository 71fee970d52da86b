"""Servers that limit connections per address: with the limit configured they do not have to refuse,
and with a higher one configured everything is collected all the same."""

import contextlib
import re
import socket

from support import IntegrationTest, main, wait_until
from courier import PrivateCourier
from dovecot_server import DovecotServer

LIMIT = 3
TOO_MANY = 10
ADDRESSES = ["127.0.0.2", "127.0.0.3", "127.0.0.4"]
MAILBOXES = 24
ROUNDS_TO_LEARN = 3  # Checks of every mailbox.
ROUNDS = 3


class LimitedCourier(PrivateCourier):
    """couriertcpd closes what comes above MAXPERIP without a word, and says so in its log."""

    connections_per_address = LIMIT
    refusal = r"[Mm]aximum connection limit"


class LimitedDovecot(DovecotServer):
    """Dovecot counts by user and address: here all mailboxes are one user's."""

    refusal = r"Maximum number of connections from user\+IP exceeded"


class Limits:

    def configure(self, connections):
        self.work.configuration = self.work.configure(
            mailboxes=self.mailboxes(), connections=connections, egress=ADDRESSES)

    def refusals(self):
        return len(re.findall(self.work.server.refusal, self.work.server.log_text()))

    def check_everything(self):
        """Until every mailbox has been checked once more."""
        before = self.last_checks()
        wait_until(lambda: all(checked and checked != before[box]
                               for box, checked in self.last_checks().items()), "all checked")

    def last_checks(self):
        return {box["id"]: box["last_complete_at"]
                for box in self.work.api().all("/v1/mailboxes?limit=200")}

    def test_a_server_whose_limit_is_configured_does_not_refuse(self):
        self.configure(LIMIT)
        with self.work.serve():
            # Courier counts a connection until it has reaped its process: that is learned first.
            for _ in range(ROUNDS_TO_LEARN):
                self.check_everything()
            before = self.refusals()
            for _ in range(ROUNDS):
                self.check_everything()
            self.assertEqual(0, self.refusals() - before)

    def occupy(self, user, address):
        """Logs in from `address`, as somebody else behind it would."""
        server = self.work.server
        plain = socket.create_connection(("127.0.0.1", server.secure_port()),
                                         source_address=(address, 0))
        connection = server.tls().wrap_socket(plain, server_hostname="localhost")
        connection.sendall(f'a LOGIN "{user}" "{server.users[user]}"\r\n'.encode())
        with connection.makefile("rb") as answers:
            while not (line := answers.readline()).startswith(b"a "):
                self.assertTrue(line, "the server closed the connection")
        self.assertTrue(line.startswith(b"a OK"), line)
        return connection

    def test_a_limit_lower_than_configured_loses_no_mailbox(self):
        self.configure(TOO_MANY)
        before = self.refusals()
        with contextlib.ExitStack() as others:
            user = next(iter(self.work.server.users))
            for address in ADDRESSES:
                for _ in range(self.strangers):
                    others.enter_context(self.occupy(user, address))
            self.assert_mailboxes(self.work.collect_json(), complete=MAILBOXES, failed=0)
        with self.work.serve():
            self.check_everything()
        self.assertGreater(self.refusals(), before)


class CourierLimitsTest(Limits, IntegrationTest):
    strangers = 0
    counts = {f"box{i}": 0 for i in range(MAILBOXES)}
    options = {"server": LimitedCourier}

    def mailboxes(self):
        return [self.work.mailbox(box) for box in self.work.boxes]


class DovecotLimitsTest(Limits, IntegrationTest):
    strangers = LIMIT - 1  # From each address: its sessions are so short that they hardly meet.
    counts = {"alice": 5}
    options = {"server": LimitedDovecot, "connections_per_user": LIMIT}

    def mailboxes(self):
        return [self.work.mailbox("alice", id=f"box{i}") for i in range(MAILBOXES)]


if __name__ == "__main__":
    main()
