"""Servers that limit connections per address: with the limit configured they do not have to refuse,
and with a higher one configured everything is collected all the same, with ever fewer refusals."""

import re

from support import IntegrationTest, main, wait_until
from courier import PrivateCourier
from dovecot_server import DovecotServer

LIMIT = 3
TOO_MANY = 6
CLEAN_ROUNDS = 2  # In succession: checks of every mailbox without a refusal.
ROUND_SECONDS_MAX = 120


class LimitedCourier(PrivateCourier):
    """couriertcpd closes what comes above MAXPERIP without a word, and says so in its log."""

    connections_per_address = LIMIT
    refusal = r"[Mm]aximum connection limit"


class LimitedDovecot(DovecotServer):
    """Dovecot counts by user and address: here all mailboxes are one user's."""

    refusal = r"Maximum number of connections from user\+IP exceeded"


def loopback(count):
    return [f"127.0.0.{2 + i}" for i in range(count)]


class Limits:

    def configure(self, connections):
        self.work.configuration = self.work.configure(
            mailboxes=self.mailboxes(), connections=connections, egress=self.addresses)

    def refusals(self):
        return len(re.findall(self.work.server.refusal, self.work.server.log_text()))

    def check_everything(self):
        """Until every mailbox has been checked once more. Returns how often the server refused."""
        checks, refusals = self.last_checks(), self.refusals()
        wait_until(lambda: all(checked and checked != checks[box]
                               for box, checked in self.last_checks().items()), "all checked",
                   ROUND_SECONDS_MAX)
        return self.refusals() - refusals

    def assert_refusals_at_first(self, refusals):
        self.assertGreater(refusals, 0)

    def assert_refusals_settle(self, refusals_max, in_succession):
        """Checks everything until that many times in succession the server refused no more than
        refusals_max. How soon depends on how fast it reaps, thus on what else the machine does."""
        settled, refusals = 0, []
        while settled < in_succession:
            refusals.append(self.check_everything())
            settled = settled + 1 if refusals[-1] <= refusals_max else 0
            self.assertLessEqual(len(refusals) - settled, self.rounds_to_learn_max,
                                 f"refused again: {refusals}")

    def last_checks(self):
        return {box["id"]: box["last_complete_at"]
                for box in self.work.api().all("/v1/mailboxes?limit=200")}

    def addresses_that_logged_in(self):
        logins = [line for line in self.work.server.log_text().splitlines()
                  if re.search(self.work.server.login_pattern, line)]
        return {address for line in logins for address in re.findall(r"\b127\.0\.0\.\d+", line)}

    def test_a_server_whose_limit_is_configured_does_not_refuse(self):
        self.configure(LIMIT)
        with self.work.serve():
            self.assert_refusals_settle(0, in_succession=CLEAN_ROUNDS)
        self.assertLessEqual(set(self.addresses), self.addresses_that_logged_in())

    def test_a_limit_lower_than_configured_loses_no_mailbox(self):
        self.configure(TOO_MANY)
        before = self.refusals()
        self.assert_mailboxes(self.work.collect_json(), complete=len(self.mailboxes()), failed=0)
        self.assert_refusals_at_first(self.refusals() - before)
        with self.work.serve():
            self.check_everything()
            self.assert_refusals_settle(LIMIT * len(self.addresses), in_succession=1)


class CourierLimitsTest(Limits, IntegrationTest):
    """Each session is a process or three, so there are few. A connection counts until its process
    has been reaped, however long that takes: this is learned from refusals, and only after them."""

    addresses = loopback(3)
    rounds_to_learn_max = 8
    counts = {f"box{i}": 0 for i in range(24)}
    options = {"server": LimitedCourier}

    def mailboxes(self):
        return [self.work.mailbox(box) for box in self.work.boxes]


class DovecotLimitsTest(Limits, IntegrationTest):
    """Thirty mailboxes of each address, ten of each connection."""

    addresses = loopback(8)
    rounds_to_learn_max = 0
    counts = {"alice": 1}
    options = {"server": LimitedDovecot, "connections_per_user": LIMIT}

    def mailboxes(self):
        return [self.work.mailbox("alice", id=f"box{i}") for i in range(240)]

    def assert_refusals_at_first(self, refusals):
        super().assert_refusals_at_first(refusals)
        self.assertLess(refusals, len(self.mailboxes()))  # Twice as many and more without learning.


if __name__ == "__main__":
    main()
