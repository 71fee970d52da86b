"""The disk is full: said clearly, nothing lost, and with room again all goes on.

Where mounting is allowed (root, or a user namespace) a small tmpfs is the full disk; else a limit
on the size of files, which the kernel reports in its own way.
"""

import contextlib
import json
import os
import pathlib
import shlex
import subprocess
import urllib.error
import urllib.request

from support import BINARY, RUN_SECONDS_MAX, IntegrationTest, main, wait_until

DISK = "400m"
BALLAST = "394m"  # What else lies on that disk, until somebody makes room.
DISK_BYTES = 400 << 20
# Free at the start, of which RocksDB takes some 40 MB at once: too little for collecting, enough
# for what is sent.
PAUSED_BYTES = 140 << 20
REFUSED_BYTES = 45 << 20  # Too little for that, too.
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

    @contextlib.contextmanager
    def served_on_a_disk(self, prefix):
        """Yields the process, and its data directory, on a disk of its own, as seen from here."""
        os.makedirs(self.work.data)
        data, configuration = (shlex.quote(str(path)) for path in
                               (self.work.data, self.work.configuration))
        script = (f"mount -t tmpfs -o size={DISK} tmpfs {data} && "
                  f"fallocate -l {DISK_BYTES - PAUSED_BYTES} {data}/ballast && "
                  f"exec {shlex.quote(str(BINARY))} serve -c {configuration}")
        with open(self.work.folder / "full.log", "wb") as log:
            process = subprocess.Popen([*prefix, "sh", "-c", script], stdout=log, stderr=log)
        try:
            yield process, pathlib.Path(f"/proc/{process.pid}/root{self.work.data}")
            process.terminate()
            self.assertEqual(0, process.wait(RUN_SECONDS_MAX))
        finally:
            process.kill()
            process.wait()

    def state(self):
        with contextlib.suppress(OSError):
            return self.work.api().get("/v1/mailboxes/carol")["state"]
        return None

    def submit(self):
        """The status and the code of an answer to a message to be sent."""
        body = b"From: a@acme.example\r\nTo: b@x.example\r\nSubject: hi\r\n\r\nhi\r\n"
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.work.http_port}/v1/submissions?mailbox=carol", data=body,
            headers={"Authorization": f"Bearer {self.work.token}",
                     "Content-Type": "message/rfc822"})
        try:
            with urllib.request.urlopen(request, timeout=20) as response:
                return response.status, None
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)["code"]

    def status(self, process, prefix):
        user = ["--user", "--preserve-credentials"] if "--map-root-user" in prefix else []
        done = subprocess.run(["nsenter", f"--target={process.pid}", "--mount", *user, str(BINARY),
                               "status", "-c", str(self.work.configuration), "--json"],
                              capture_output=True, text=True, timeout=RUN_SECONDS_MAX)
        self.assertEqual(0, done.returncode, done.stderr)
        return json.loads(done.stdout)

    def test_serving_goes_on_and_collecting_by_itself(self):
        prefix = namespace_command()
        if prefix is None:
            self.skipTest("mounting is not allowed")
        tenant = self.work.folder / "tenants" / "acme.yaml"
        tenant.write_text(tenant.read_text() + "    submission: {host: localhost, port: 9, "
                          "security: starttls}\n")
        expected = self.work.on_server()
        with self.served_on_a_disk(prefix) as (process, data):
            wait_until(lambda: self.state() == "disk_full", "the pause")
            status = self.status(process, prefix)
            self.assertTrue(status["disk"]["collecting_paused"])
            self.assertEqual([], list(self.work.api().all("/v1/messages")))
            self.assertEqual((202, None), self.submit())
            ballast = data / "ballast"
            disk = os.statvfs(data)
            with open(ballast, "ab") as file:
                os.posix_fallocate(file.fileno(), DISK_BYTES - PAUSED_BYTES,
                                   disk.f_bavail * disk.f_frsize - REFUSED_BYTES)
            self.assertEqual((507, "disk_full"), self.submit())
            self.assertEqual(1, len(list(self.work.api().all("/v1/submissions"))))
            ballast.unlink()
            mailbox = "/v1/mailboxes/carol"
            wait_until(lambda: self.work.api().get(mailbox)["messages"] == expected.total(),
                       "all mail")
            wait_until(lambda: self.state() == "ok", "the end of the pause")
            self.assert_same_messages(expected, self.work.in_store(self.work.api()))
            self.assertFalse(self.status(process, prefix)["disk"]["collecting_paused"])

    def test_a_limit_on_file_sizes_loses_nothing_either(self):
        self.full_by_file_size()


if __name__ == "__main__":
    main()
