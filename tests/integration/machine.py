"""systemd as the first process of a throw-away system: a CleanRoot, started.

Processes, mounts, control groups and host name are its own, as a container's are; the network is
shared, so that it reaches the mail server of a test and the test reaches it. Of the units of this
system none is started but the journal's and those a test asks for.
"""

import os
import pathlib
import subprocess

from clean_root import Forbidden, System, as_user
from support import dovecot, wait_until

SYSTEMD = "/lib/systemd/systemd"
BOOT_SECONDS_MAX = 60

# What a container's manager does (https://systemd.io/CONTAINER_INTERFACE): what is the kernel's may
# be read, not written, and there are no devices but those that stand for nothing.
BOOT = r"""
set -e
cd "$1"
umount --lazy dev proc run
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,bind,ro,nosuid,nodev,noexec proc/sys
mount -t sysfs -o ro,nosuid,nodev,noexec sysfs sys
mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=0755,nosuid dev dev
for name in null zero full random urandom tty; do
  touch dev/$name
  mount --bind /dev/$name dev/$name
done
ln -s /proc/self/fd dev/fd
ln -s null dev/console
mkdir dev/shm dev/pts
mount -t tmpfs -o mode=1777,nosuid,nodev shm dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620,nosuid,noexec devpts dev/pts
ln -s pts/ptmx dev/ptmx
mount -t tmpfs -o mode=0755,nosuid,nodev run run
pivot_root . .
umount --lazy .
echo ready
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin container=test \
  /lib/systemd/systemd --system --unit=multi-user.target --log-target=journal-or-kmsg \
  --show-status=no --default-standard-output=journal
"""

# Targets of this system would start what belongs to its devices, consoles and network.
ALONE = r"""
rm -rf /etc/systemd/system/*.wants /etc/systemd/system/*.requires
for folder in /lib/systemd/system/*.wants; do
  case $folder in */sockets.target.wants) ;; *) rm -rf "$folder" ;; esac
done
find /lib/systemd/system/sockets.target.wants ! -type d ! -name 'systemd-journald.socket' \
  ! -name systemd-journald-dev-log.socket -delete
mkdir -p /etc/systemd/journald.conf.d
printf '[Journal]\nStorage=volatile\nReadKMsg=no\nAudit=no\n' \
  >/etc/systemd/journald.conf.d/test.conf
for unit in systemd-remount-fs.service systemd-journald-audit.socket; do
  ln -sf /dev/null /etc/systemd/system/$unit
done
: >/etc/fstab
rm -f /usr/sbin/policy-rc.d
"""


def strip(root):
    """To be called once, before the first start: leaves nothing to be started but the journal."""
    root.run("sh", "-ec", ALONE)


def unified_groups():
    """Where the one hierarchy of control groups is mounted, beside others or alone."""
    for line in pathlib.Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
        place, _, kind = line.partition(" - ")
        if kind.split()[0] == "cgroup2":
            return pathlib.Path(place.split()[4])
    raise Forbidden("no cgroup2 is mounted here")


class Machine(System):
    """Use it as a context manager: it is started, and ends with all its processes.

    `root`: a CleanRoot; what a machine changes stays in it for the next one.
    """

    def __init__(self, root):
        if not os.access(SYSTEMD, os.X_OK):
            raise Forbidden("systemd is not installed")
        self._root, self._process, self._said = root, None, ""
        self._group = unified_groups() / f"mailhaul-test-{os.getpid()}"

    def _boot(self):
        self._group.mkdir()
        # In its group from the first instant: the namespace's root is where its maker is then.
        enter = f'echo $$ >"{self._group}/cgroup.procs" && exec "$@"'
        command = ["sh", "-c", enter, "enter", "unshare", "--mount", "--pid", "--cgroup", "--ipc",
                   "--uts", "--propagation", "private", "--fork", "--kill-child",
                   "bash", "-c", BOOT, "boot", f"{self._root.folder}/root"]
        self._process = subprocess.Popen(
            self._root.outside(*command), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, preexec_fn=dovecot.die_with_parent)

    def __enter__(self):
        self._boot()
        if self._process.stdout.readline() != "ready\n":
            self.end()
            raise Forbidden(f"a system of its own cannot be started here: {self._said.strip()}")
        try:
            wait_until(self._is_up, "systemd", seconds=BOOT_SECONDS_MAX)
        except BaseException:
            self.end()
            raise
        return self

    def _is_up(self):
        if self._process.poll() is not None:
            raise AssertionError(f"systemd ended with {self._process.returncode}: {self._said}")
        done = self.run("systemctl", "is-system-running", check=False)
        return done.stdout.strip() in ("running", "degraded")

    def __exit__(self, *_):
        self.end()

    def end(self):
        """At once, as a power cut; once more is no error."""
        if self._process is None:
            return
        self._process.kill()
        self._said, _ = self._process.communicate()
        self._process = None
        self._remove_groups()

    def _remove_groups(self):
        """Once their last process is reaped, which the kernel tells nobody."""
        def gone():
            for folder, _, _ in os.walk(self._group, topdown=False):
                try:
                    os.rmdir(folder)
                except OSError:
                    return False
            return True
        wait_until(gone, "the end of all processes")

    def command(self, *arguments, user=None):
        place = f"/proc/{self._process.pid}/ns"
        return ["nsenter", f"--mount={place}/mnt", f"--pid={place}/pid_for_children",
                f"--cgroup={place}/cgroup", f"--ipc={place}/ipc", f"--uts={place}/uts", "--",
                *as_user(user), *map(str, arguments)]
