"""`mailhaul plan`: what it says of a configuration, and how it ends. No server takes part."""

import json
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from support import BINARY, RUN_SECONDS_MAX, config_files, main

MAILBOXES = 570
# 570 checks in 5 minutes are 1.9 logins a second.
ENOUGH, TOO_FEW = 4, 1
ALL_NORMAL = ("--active-share", "0")


class PlanTest(unittest.TestCase):

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="mailhaul-test-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def configure(self, logins, *, backfill=False, tenants=("acme",)):
        boxes = [config_files.Mailbox(id=f"m{i}", address=f"m{i}@acme.example", password="secret")
                 for i in range(MAILBOXES)]
        each = len(boxes) // len(tenants)
        ca_file = self.folder / "unused.pem"
        ca_file.touch()
        main_yaml = config_files.main_yaml(http_port=1, ca_file=ca_file,
                                           data_dir=self.folder / "data")
        main_yaml = main_yaml.replace("logins_per_second: 100", f"logins_per_second: {logins}")
        return config_files.write_configuration(self.folder, main_yaml, [
            config_files.Tenant(name, f"token-of-{name}", boxes[i * each:(i + 1) * each],
                                backfill=backfill) for i, name in enumerate(tenants)])

    def plan(self, configuration, *arguments):
        return subprocess.run([str(BINARY), "plan", "-c", str(configuration), *arguments],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=RUN_SECONDS_MAX, check=False)

    def plan_json(self, configuration, *arguments, code):
        done = self.plan(configuration, "--json", *ALL_NORMAL, *arguments)
        self.assertEqual(code, done.returncode, done.stdout + done.stderr)
        return json.loads(done.stdout)

    def test_a_promise_that_holds(self):
        plan = self.plan_json(self.configure(ENOUGH), code=0)
        self.assertTrue(plan["holds"] and plan["complete"])
        self.assertEqual([], plan["changes"])
        self.assertEqual(MAILBOXES, plan["mailboxes"])
        self.assertEqual(0, plan["groups"][0]["lag_seconds"]["p99"])
        self.assertAlmostEqual(MAILBOXES / 300 / ENOUGH, plan["pools"][0]["load"]["logins"], 3)

    def test_a_promise_that_does_not_hold_and_what_makes_it(self):
        plan = self.plan_json(self.configure(TOO_FEW), code=1)
        self.assertFalse(plan["holds"])
        # 570 mailboxes at one a second, less 5 minutes.
        self.assertAlmostEqual(270, plan["groups"][0]["lag_seconds"]["p99"], delta=10)
        changes = {change["kind"]: change for change in plan["changes"]}
        self.assertEqual({"more_addresses", "longer_freshness", "higher_limits"}, set(changes))
        self.assertTrue(all(change["verified"] for change in changes.values()))
        (limits,) = changes["higher_limits"]["hosts"]
        self.assertEqual(2, limits["logins_per_second"])
        self.plan_json(self.configure(limits["logins_per_second"]), code=0)

    def test_the_same_twice(self):
        configuration = self.configure(TOO_FEW, backfill=True, tenants=("acme", "beta"))
        self.assertEqual(self.plan(configuration, "--json").stdout,
                         self.plan(configuration, "--json").stdout)

    def test_assumptions_matter_and_are_named(self):
        configuration = self.configure(ENOUGH)
        plan = self.plan_json(configuration, "--check-time", "10s", code=1)
        self.assertEqual(10, plan["assumed"]["check_seconds"])
        self.assertEqual(10, plan["pools"][0]["check_seconds"])
        active = json.loads(self.plan(configuration, "--json", "--active-share", "0.5").stdout)
        self.assertEqual([30, 300], [group["freshness_seconds"] for group in active["groups"]])
        self.assertEqual([MAILBOXES // 2] * 2, [group["mailboxes"] for group in active["groups"]])

    def test_backfill(self):
        plan = self.plan_json(self.configure(ENOUGH, backfill=True), "--mailbox-size", "10GB",
                              code=0)
        backfill = plan["groups"][0]["backfill"]
        self.assertEqual(MAILBOXES * 10**10, backfill["bytes"])
        # Eight connections of 1 MB/s.
        self.assertGreater(backfill["days"], MAILBOXES * 10**10 / 8e6 / 86400)

    def test_people_are_told_the_same(self):
        good = self.plan(self.configure(ENOUGH), *ALL_NORMAL)
        self.assertEqual(0, good.returncode, good.stderr)
        self.assertRegex(good.stdout, r"(?m)^acme +localhost .* holds$")
        self.assertIn("freshness holds everywhere", good.stdout)
        self.assertIn("Assumed, not measured", good.stdout)
        bad = self.plan(self.configure(TOO_FEW), *ALL_NORMAL)
        self.assertEqual(1, bad.returncode, bad.stderr)
        self.assertRegex(bad.stdout, r"(?m)^acme +localhost .* late by [0-9ms ]+ \(p99\)$")
        self.assertIn("logins_per_second 1 -> 2", bad.stdout)

    def test_mistakes(self):
        for arguments in (["--check-time", "soon"], ["--active-share", "2"],
                          ["--mailbox-size", "0"]):
            self.assertEqual(2, self.plan(self.configure(ENOUGH), *arguments).returncode)
        self.assertEqual(2, self.plan(self.folder / "absent.yaml").returncode)


if __name__ == "__main__":
    main()
