"""Killed with SIGKILL at random moments, again and again: nothing is lost, nothing doubled.

MAILHAUL_KILLS says how many kills (default 30), MAILHAUL_SEED repeats a run's moments.
"""

import os
import random
import shutil
import subprocess
import time

from support import BINARY, TENANT, IntegrationTest, config_files, main

KILLS = int(os.environ.get("MAILHAUL_KILLS", "30"))
SEED = int(os.environ.get("MAILHAUL_SEED", str(time.time_ns() % 10**9)))
# As a share of what a whole run takes: a few kills per collection, early and late ones.
LIFE_SHARE_MAX = 0.6
ROUNDS_MAX = 4 * KILLS  # A round always ends in a finished collection; most see several kills.
UNFINISHED = b"Subject: arrived between two kills %d\r\n\r\nbody\r\n"


def killed_after(seconds, *arguments, excused=()):
    """Starts the program and kills it after `seconds`; False when it had ended by then."""
    process = subprocess.Popen([BINARY, *arguments], stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        out, error = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return True
    if process.returncode != 0 and not error.startswith(excused):
        raise AssertionError(f"ended with {process.returncode}\n{out}\n{error}")
    return False


class KillTest(IntegrationTest):

    counts = {"alice": 350, "bob": 200, "carol": 200}

    def whole_run_seconds(self):
        started = time.monotonic()
        self.work.collect_json()
        return time.monotonic() - started

    def kill_after(self, seconds):
        return killed_after(seconds, "collect", "-c", self.work.configuration, "--json")

    def test_nothing_is_lost_or_doubled_by_kills(self):
        print(f"MAILHAUL_SEED={SEED} MAILHAUL_KILLS={KILLS}", flush=True)
        chance = random.Random(SEED)
        whole = self.whole_run_seconds()
        kills = 0
        for number in range(ROUNDS_MAX):
            self.work.fresh_data()
            before = kills
            while kills < KILLS and self.kill_after(chance.uniform(0, LIFE_SHARE_MAX * whole)):
                kills += 1
                if (self.work.data / "records" / "CURRENT").exists():
                    self.assert_sound()
            if kills > before:
                self.work.append("bob", UNFINISHED % number)
                self.work.collect_json()
                self.assertEqual(0, self.work.collect_json()["messages"]["fetched"])
                self.assert_store_holds_everything()
            if kills >= KILLS:
                break
        self.assertEqual(KILLS, kills)


class RemovalKillTest(IntegrationTest):
    """`remove` killed and called again: the rest is deleted, and nothing but what was to go."""

    counts = {"alice": 350, "bob": 60, "carol": 0}

    def setUp(self):
        super().setUp()
        # The same mail as bob's: what both share must stay.
        twins = list((self.work.server.maildir(self.work.boxes["bob"]) / "cur").iterdir())
        self.work.server.deliver_all(self.work.boxes["carol"],
                                     [("INBOX", twin.read_bytes()) for twin in twins])
        self.work.collect_json()
        self.total = self.assert_sound()["messages"]
        self.twins = len(twins)
        self.full = self.work.folder / "full"
        shutil.copytree(self.work.data, self.full)

    def killed_and_ended(self, chance, kills, *target):
        """Removes the target from a copy of the full store, killed `kills` times at most."""
        self.work.fresh_data()
        shutil.copytree(self.full, self.work.data)
        arguments = ("remove", "-c", self.work.configuration, *target)
        # Killed when all was done, but before it ended.
        excused = ("mailhaul: not_found: ",)
        started = time.monotonic()
        for _ in range(kills):
            if not killed_after(chance.uniform(0, self.whole), *arguments, excused=excused):
                return
            self.assert_sound()
        self.assertFalse(killed_after(None, *arguments, excused=excused if kills else ()))
        self.whole = max(self.whole, time.monotonic() - started) if not kills else self.whole

    def test_a_mailbox_or_a_tenant_goes_whole_and_alone(self):
        print(f"MAILHAUL_SEED={SEED} MAILHAUL_KILLS={KILLS}", flush=True)
        chance = random.Random(SEED)
        rest = [self.work.mailbox("bob")]
        spare = config_files.Tenant("spare", "another-token", rest)
        acme = config_files.Tenant(TENANT, self.work.token, rest)
        main_yaml = config_files.main_yaml(http_port=self.work.http_port,
                                           ca_file=self.work.server.ca_file,
                                           data_dir=self.work.data)
        alone = self.work.on_server()
        alone = type(alone)({key: count for key, count in alone.items() if key[0] == "bob"})
        for tenant, target, gone in (
                (acme, ("--mailbox", f"{TENANT}/alice"), self.counts["alice"]),
                (acme, ("--mailbox", f"{TENANT}/carol"), self.twins),
                (spare, ("--tenant", TENANT), self.total)):
            shutil.rmtree(self.work.folder / "tenants")
            self.work.configuration = config_files.write_configuration(self.work.folder, main_yaml,
                                                                       [tenant])
            self.whole = 0
            self.killed_and_ended(chance, 0, *target)
            for _ in range(max(2, KILLS // 10)):
                self.killed_and_ended(chance, 3, *target)
                self.assertEqual(self.total - gone, self.assert_sound()["messages"])
        self.assertEqual(0, self.assert_sound()["tenants"])
        # Of the same name, and new.
        shutil.rmtree(self.work.folder / "tenants")
        self.work.configuration = self.work.configure(mailboxes=rest)
        self.work.collect_json()
        with self.work.serve():
            self.assert_same_messages(alone, self.work.in_store(self.work.api()))


if __name__ == "__main__":
    main()
