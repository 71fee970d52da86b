"""The disk is full: said clearly, nothing lost, and with room again all goes on.

Where mounting is allowed (root, or a user namespace) a small tmpfs is the full disk; else a limit
on the size of files, which the kernel reports in its own way.
"""

import json
import os
import shlex
import subprocess

from support import BINARY, RUN_SECONDS_MAX, IntegrationTest, main

DISK = "400m"
BALLAST = "394m"  # What else lies on that disk, until somebody makes room.
FILE_BLOCKS = 2048  # Of 1,024 octets: no file may pass 2 MiB.


def namespace_command():
    """The prefix that gives a process mounts of its own, or None where that is not allowed."""
    for prefix in (["unshare", "--mount"], ["unshare", "--map-root-user", "--mount"]):
        probe = [*prefix, "sh", "-c", "mount -t tmpfs -o size=1m tmpfs /mnt"]
        if subprocess.run(probe, capture_output=True).returncode == 0:
            return prefix
    return None


class FullDiskTest(IntegrationTest):

    counts = {"carol": 40}
    options = {"large": True}  # Its 12 MB message cannot fit.

    def shell(self, script, prefix=()):
        return subprocess.run([*prefix, "bash", "-c", "set -u\n" + script], capture_output=True,
                              text=True, timeout=RUN_SECONDS_MAX)

    def collect_line(self, name):
        out = shlex.quote(str(self.work.folder / name))
        return (f"{shlex.quote(str(BINARY))} collect -c {shlex.quote(str(self.work.configuration))}"
                f" --json >{out}.json 2>{out}.err; echo $? >{out}.code\n")

    def result(self, name):
        base = self.work.folder / name
        return (int(base.with_suffix(".code").read_text()), base.with_suffix(".json").read_text(),
                base.with_suffix(".err").read_text())

    def assert_said_clearly(self, name):
        code, out, error = self.result(name)
        self.assertIn(code, (1, 3), out + error)
        self.assertRegex(out + error, r"disk_full|(?i:no space|disk.{0,20}full)")
        self.assertIn(str(self.work.data), out + error, "the place must be named")

    def test_a_full_disk_is_reported_and_after_making_room_all_arrives(self):
        prefix = namespace_command()
        if prefix is None:
            self.full_by_file_size()
        else:
            self.full_by_mount(prefix)

    def full_by_mount(self, prefix):
        """The mount ends with its namespace, so everything happens in one script."""
        os.makedirs(self.work.data)
        data = shlex.quote(str(self.work.data))
        kept = shlex.quote(str(self.work.folder / "kept"))
        done = self.shell(
            f"mount -t tmpfs -o size={DISK} tmpfs {data} || exit 9\n"
            f"fallocate -l {BALLAST} {data}/ballast || exit 9\n" +
            self.collect_line("full") + f"rm {data}/ballast\n" +
            self.collect_line("room") + f"cp -a {data} {kept}\n", prefix)
        self.assertEqual(0, done.returncode, done.stderr)
        self.assert_said_clearly("full")
        self.assert_complete_after("room")
        self.work.fresh_data()
        (self.work.folder / "kept").rename(self.work.data)
        self.assert_store_holds_everything()

    def full_by_file_size(self):
        self.shell(f"trap '' XFSZ; ulimit -f {FILE_BLOCKS}\n" + self.collect_line("full"))
        code, out, error = self.result("full")
        self.assertIn(code, (1, 3), out + error)
        self.assertRegex(out + error, r"disk_full|io|(?i:file too large)")
        self.shell(self.collect_line("room"))
        self.assert_complete_after("room")
        self.assert_store_holds_everything()

    def assert_complete_after(self, name):
        code, out, error = self.result(name)
        self.assertEqual(0, code, out + error)
        self.assertEqual(1, json.loads(out)["mailboxes"]["complete"])

    def test_a_limit_on_file_sizes_loses_nothing_either(self):
        self.full_by_file_size()


if __name__ == "__main__":
    main()
