"""Killed with SIGKILL at random moments, again and again: nothing is lost, nothing doubled.

MAILHAUL_KILLS says how many kills (default 30), MAILHAUL_SEED repeats a run's moments.
"""

import os
import random
import subprocess
import time

from support import BINARY, IntegrationTest, main

KILLS = int(os.environ.get("MAILHAUL_KILLS", "30"))
SEED = int(os.environ.get("MAILHAUL_SEED", str(time.time_ns() % 10**9)))
# As a share of what a whole run takes: a few kills per collection, early and late ones.
LIFE_SHARE_MAX = 0.6
ROUNDS_MAX = 4 * KILLS  # A round always ends in a finished collection; most see several kills.
UNFINISHED = b"Subject: arrived between two kills %d\r\n\r\nbody\r\n"


class KillTest(IntegrationTest):

    counts = {"alice": 350, "bob": 200, "carol": 200}

    def whole_run_seconds(self):
        started = time.monotonic()
        self.work.collect_json()
        return time.monotonic() - started

    def kill_after(self, seconds):
        """Starts a collection and kills it after `seconds`; False when it had ended by then."""
        process = subprocess.Popen([BINARY, "collect", "-c", self.work.configuration, "--json"],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        try:
            out, error = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            return True
        self.assertEqual(0, process.returncode, f"{out}\n{error}")
        return False

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


if __name__ == "__main__":
    main()
