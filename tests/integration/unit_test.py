"""The unit under a real systemd: started, reloaded, watched, killed, stopped, upgraded, removed."""

import os
import re
import signal
import unittest

import machine
import package
from clean_root import Forbidden, as_user
from package import DATA, MAIN
from support import BINARY, IntegrationTest, main, wait_until

OLD, NEW = "1.0.0", "1.0.1"
TENANT_FILE = "/etc/mailhaul/tenants/acme.yaml"
# Of the unit's times the long ones, so that nobody waits for them.
IMPATIENT = "[Service]\nWatchdogSec=3\nTimeoutAbortSec=1\nRestartSec=100ms\n"


@unittest.skipUnless(package.can_be_made(), "no cpack here")
class UnitTest(IntegrationTest):

    counts = {"alice": 150, "bob": 40}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        root = package.clean_root(cls, cls.work)
        shared = cls.work.folder / "shared"
        cls.packages = {OLD: package.make(shared / "old")}
        cls.packages[NEW] = package.with_version(cls.packages[OLD], shared / "new", NEW)
        machine.strip(root)
        cls.root = root

    def setUp(self):
        super().setUp()
        try:
            self.machine = self.enterContext(machine.Machine(self.root))
        except Forbidden as error:
            self.skipTest(str(error))
        self.machine.run("dpkg", "--purge", "mailhaul")
        self.machine.run("rm", "-rf", "/etc/mailhaul", DATA)
        package.install(self.machine, self.packages[OLD])
        self.api = self.work.api()

    def show(self, name):
        return self.machine.run("systemctl", "show", "--value", "-p", name,
                                "mailhaul").stdout.strip()

    def systemctl(self, verb, check=True):
        done = self.machine.run("systemctl", verb, "mailhaul", check=False)
        if check and done.returncode != 0:
            raise AssertionError(f"systemctl {verb}: {done.stderr}\n{self.journal()}")
        return done.returncode

    def journal(self, *options):
        return self.machine.run("journalctl", "--no-pager", "-o", "cat", "-u", "mailhaul",
                                *options).stdout

    def start(self):
        package.configure(self.machine, self.work)
        self.systemctl("start")

    def assert_all_collected(self):
        """Each message of the server once; returns the ids."""
        expected = self.work.on_server()

        def found():
            messages = self.work.in_store(self.api)
            return messages if messages.total() >= expected.total() else None
        self.assert_same_messages(expected, wait_until(found, "the mail"))
        return {item["id"] for item in self.api.all("/v1/messages")}

    def assert_stopped_in_order(self):
        self.assertEqual(("inactive", "success", "0"), tuple(map(
            self.show, ("ActiveState", "Result", "ExecMainStatus"))))

    def wait_for_another(self, process):
        """Until systemd has started it again, and it says that it is ready."""
        wait_until(lambda: self.show("ActiveState") == "active"
                   and self.show("MainPID") not in ("0", process), "a new process")

    def test_starts_once_there_is_a_tenant(self):
        # The installation has tried already.
        self.assertEqual(("inactive", "no", "enabled"), (
            self.show("ActiveState"), self.show("ConditionResult"), self.show("UnitFileState")))
        self.start()
        # What systemctl waits for is that it answers: there is no second attempt here.
        self.assertEqual(200, self.api.status_of("/healthz")[0])
        self.assertEqual(("active", "running"), (self.show("ActiveState"), self.show("SubState")))
        self.assertEqual("collecting 2 mailboxes of 1 tenants", self.show("StatusText"))
        self.assert_all_collected()
        self.assertIn("serving HTTP on", self.journal())

    def test_is_started_with_the_system(self):
        self.start()
        ids = self.assert_all_collected()
        self.systemctl("stop")
        self.machine.end()
        with machine.Machine(self.root) as self.machine:
            self.assertEqual("active", self.show("ActiveState"))
            self.assertEqual(ids, self.assert_all_collected())

    def limit(self, process, most):
        """How many files it may have open, or `most`. No unit gets more than systemd itself has."""
        told = self.machine.run("grep", "Max open files", f"/proc/{process}/limits").stdout.split()
        return min(int(told[4]), most)

    def test_runs_inside_its_sandbox(self):
        self.start()
        process = self.show("MainPID")
        told = dict(line.split(":\t", 1) for line in
                    self.machine.run("cat", f"/proc/{process}/status").stdout.splitlines()
                    if ":\t" in line)
        uid = self.machine.run("id", "-u", "mailhaul").stdout.strip()
        self.assertEqual([uid] * 4, told["Uid"].split())
        for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            self.assertEqual(0, int(told[name], 16), name)
        self.assertEqual(("1", "2"), (told["NoNewPrivs"], told["Seccomp"]))
        self.assertEqual(self.limit("1", most=65536), self.limit(process, most=65536))
        for space in ("mnt", "user", "uts"):
            mine, its = (self.machine.run("readlink", f"/proc/{each}/ns/{space}").stdout
                         for each in (1, process))
            self.assertNotEqual(mine, its, space)
        # Not even the superuser writes there, or sees what is hidden.
        inside = ["nsenter", f"--target={process}", "--mount", "--"]
        for path in ("/usr/x", "/etc/mailhaul/x", "/root/x", "/home/x", "/var/lib/x",
                     "/proc/sys/kernel/hostname", "/sys/fs/cgroup/cgroup.procs"):
            done = self.machine.run(*inside, "tee", "-a", path, check=False)
            self.assertNotEqual(0, done.returncode, path)
        service = [*inside, *as_user("mailhaul")]
        self.machine.run(*service, "touch", f"{DATA}/x")
        self.machine.run(*inside, "test", "!", "-e", "/tmp/shared")
        seen = self.machine.run(*service, "ls", "/proc").stdout.split()
        self.assertIn("self", seen)
        self.assertNotIn("1", seen)
        # systemd does without what the system lacks, and says so.
        self.assertNotIn("ignoring", self.journal())

    def config_reads(self):
        metrics = self.api.status_of("/metrics")[1]
        return sum(int(count) for count in
                   re.findall(r"(?m)^mailhaul_config_reads_total\{.*\} ([0-9]+)$", metrics))

    def test_reload_reads_the_configuration_again(self):
        self.start()
        self.assert_all_collected()
        process, reads = self.show("MainPID"), self.config_reads()
        self.systemctl("reload")
        wait_until(lambda: self.config_reads() > reads, "the configuration to be read")
        wait_until(lambda: self.show("ActiveState") == "active", "the end of it")
        self.assertEqual(process, self.show("MainPID"))
        self.assertIn("reading the configuration again", self.journal())

    def test_stop_drains_in_the_middle_of_collecting(self):
        self.start()
        wait_until(lambda: self.api.get("/v1/messages?limit=1")["items"], "the first message")
        self.systemctl("stop")
        self.assert_stopped_in_order()
        self.assertFalse(self.machine.exists(f"{DATA}/running"))
        self.systemctl("start")
        self.assert_all_collected()
        self.systemctl("stop")
        self.assert_stopped_in_order()

    def test_is_started_again_after_a_kill_and_has_lost_nothing(self):
        self.start()
        ids = self.assert_all_collected()
        process = self.show("MainPID")
        self.machine.run("kill", "-KILL", process)
        self.wait_for_another(process)
        self.assertEqual("1", self.show("NRestarts"))
        self.assertEqual(ids, self.assert_all_collected())

    def test_the_watchdog_ends_what_hangs(self):
        self.machine.run("mkdir", "-p", "/run/systemd/system/mailhaul.service.d")
        self.machine.write("/run/systemd/system/mailhaul.service.d/test.conf", IMPATIENT)
        self.machine.run("systemctl", "daemon-reload")
        self.start()
        ids = self.assert_all_collected()
        fed = set()
        while len(fed) < 4:
            wait_until(lambda: self.show("WatchdogTimestampMonotonic") not in fed, "a sign of life")
            fed.add(self.show("WatchdogTimestampMonotonic"))
        process = self.show("MainPID")
        self.machine.run("kill", "-STOP", process)
        self.wait_for_another(process)
        self.assertIn("Failed with result 'watchdog'", self.journal())
        self.assertEqual(ids, self.assert_all_collected())

    def test_a_wrong_configuration_is_not_tried_again(self):
        self.start()
        self.machine.run("sed", "-i", "s/^data_dir/data_dri/", MAIN)
        self.assertNotEqual(0, self.systemctl("restart", check=False))
        self.assertEqual(("failed", "failed", "2", "0"), tuple(map(
            self.show, ("ActiveState", "SubState", "ExecMainStatus", "NRestarts"))))
        self.assertIn("did you mean", self.journal())

    def test_upgrade_and_removal(self):
        self.start()
        ids = self.assert_all_collected()
        process = self.show("MainPID")
        package.install(self.machine, self.packages[NEW])
        self.assertEqual("active", self.show("ActiveState"))
        self.assertNotEqual(process, self.show("MainPID"))
        program = self.machine.run("readlink", f"/proc/{self.show('MainPID')}/exe").stdout.strip()
        self.assertEqual("/usr/bin/mailhaul", program)  # And not "... (deleted)".
        self.assertEqual(ids, self.assert_all_collected())
        # The old one has drained.
        self.assertNotIn("Failed with result", self.journal())

        self.machine.run("dpkg", "--remove", "mailhaul")
        self.assertEqual("0", self.show("MainPID"))
        self.assertNotIn("Failed with result", self.journal())
        self.assertTrue(self.machine.exists(f"{DATA}/records/CURRENT"))
        package.install(self.machine, self.packages[NEW])
        self.assertEqual(ids, self.assert_all_collected())  # It was enabled, and has its data.

        self.machine.run("debconf-set-selections",
                         text="mailhaul mailhaul/remove-data boolean true\n")
        self.machine.run("dpkg", "--purge", "mailhaul")
        self.assertFalse(self.machine.exists(DATA))
        self.assertEqual("not-found", self.show("LoadState"))


if __name__ == "__main__":
    main()
