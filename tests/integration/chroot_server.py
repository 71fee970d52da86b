"""A mail server that is not installed but unpacked by `./dev servers`, run in a root of its own.

Its programs look for /etc/courier, /run/cyrus and the like; chroot() gives them these, private to
one test and gone with its folder. That needs root, and nothing else: no mounts and no namespaces,
so that it works inside a container too. What the programs say to syslog ends in a file.
"""

import contextlib
import os
import pathlib
import select
import shutil
import signal
import socket
import stat
import subprocess
import threading
import time

import dovecot
from mail_server import MailServer

UNPACKED = pathlib.Path(os.environ.get(
    "MAILHAUL_SERVERS", pathlib.Path(__file__).resolve().parents[2] / "build" / "servers"))
USER_ID = 1  # Of `user` inside the root; outside the number belongs to "daemon".
START_ATTEMPTS_MAX = 5
START_SECONDS_MAX = 20
STOP_SECONDS_MAX = 10
LOG_BYTES_MAX = 65536


def link_or_copy(source, target):
    try:
        os.link(source, target)
    except OSError:  # Another file system, or more links than it allows.
        shutil.copy2(source, target)


class SystemLog:
    """Stands in for syslogd: writes every message sent to `path`/dev/log into a file."""

    def __init__(self, root, file):
        self.file = file
        self._name = root / "dev" / "log"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        # A name relative to the folder: the whole path may be longer than a socket's may.
        folder = os.open(root / "dev", os.O_RDONLY | os.O_DIRECTORY)
        try:
            self._socket.bind(f"/proc/self/fd/{folder}/log")
        finally:
            os.close(folder)
        os.chmod(self._name, 0o666)
        self._wake_read, self._wake_write = os.pipe()
        self._thread = threading.Thread(target=self._write, daemon=True)
        self._thread.start()

    def _write(self):
        with open(self.file, "ab", buffering=0) as file:
            while True:
                ready, _, _ = select.select([self._socket, self._wake_read], [], [])
                if self._socket in ready:
                    file.write(self._socket.recv(LOG_BYTES_MAX) + b"\n")
                elif ready:
                    return

    def close(self):
        os.write(self._wake_write, b"x")
        self._thread.join()
        self._socket.close()
        os.close(self._wake_read)
        os.close(self._wake_write)
        self._name.unlink()


class ChrootServer(MailServer):
    """`name` is the folder below build/servers. A subclass writes its configuration into
    `self.root` (configure), and names the programs to start (commands)."""

    name = user = ""
    ports = ("imap_port", "imaps_port")

    def __init__(self, folder, users, *, names=("localhost", "127.0.0.1")):
        if os.geteuid() != 0:
            raise AssertionError("these servers need root, for chroot()")
        self.folder = pathlib.Path(folder).resolve()
        self.users = dict(users)
        self.root = self.folder / "root"
        self.log = self.folder / "log"
        self.closing = contextlib.ExitStack()  # What stop() ends after the programs.
        self._processes = []
        self._prepare_root()
        self.tls_folder = self.folder / "tls"
        self.ca_file = dovecot.make_authority(self.tls_folder)
        dovecot.make_certificate(self.tls_folder, tuple(names))
        (self.root / "tls").mkdir()
        self.write("tls/server.pem", (self.tls_folder / "server.pem").read_text())
        self.write("tls/server.key", (self.tls_folder / "server.key").read_text(), mode=0o640)

    def _prepare_root(self):
        source = UNPACKED / self.name
        if not (source / "packages").exists():
            raise AssertionError(f"{source} is not there: run ./dev servers")
        shutil.copytree(source, self.root, symlinks=True, copy_function=link_or_copy)
        for name in ("dev", "tmp", "etc", "run", "var"):
            (self.root / name).mkdir(exist_ok=True)
        os.chmod(self.root / "tmp", 0o1777)
        for name, minor in (("null", 3), ("urandom", 9)):
            os.mknod(self.root / "dev" / name, stat.S_IFCHR | 0o666, os.makedev(1, minor))
            os.chmod(self.root / "dev" / name, 0o666)
        self.write("etc/passwd", f"root:x:0:0::/:/none\n"
                   f"{self.user}:x:{USER_ID}:{USER_ID}::/:/none\n")
        self.write("etc/group", f"root:x:0:\n{self.user}:x:{USER_ID}:\n")
        self.write("etc/hosts", "127.0.0.1 localhost\n")
        self.write("etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n")

    def write(self, name, text, mode=0o644):
        """A file inside the root; never written through a link to the unpacked one."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.write_text(text)
        os.chmod(path, mode)
        os.chown(path, 0, USER_ID)

    def make_folder(self, name, mode=0o755):
        path = self.root / name
        path.mkdir(parents=True, exist_ok=True)
        os.chmod(path, mode)
        os.chown(path, USER_ID, USER_ID)
        return path

    def _inside(self, as_user):
        """For preexec_fn: the order matters, for changing the user forgets the parent's death."""
        def enter():
            os.chroot(self.root)
            os.chdir("/")
            if as_user:
                os.setgroups([])
                os.setgid(USER_ID)
                os.setuid(USER_ID)
            dovecot.die_with_parent()
        return enter

    def run(self, command, *, text=None, as_user=False):
        """Runs a program of the root to its end."""
        done = subprocess.run(command, input=text, capture_output=True, text=True, env={},
                              preexec_fn=self._inside(as_user), check=False)
        if done.returncode != 0:
            raise AssertionError(f"{command} ended with {done.returncode}:\n"
                                 f"{done.stdout}{done.stderr}\n{self.log_tail()}")

    def spawn(self, command, environment=None, *, as_user=False):
        with open(self.log, "ab") as output:
            self._processes.append(subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                env=environment or {}, start_new_session=True,
                preexec_fn=self._inside(as_user)))

    def wait_for_file(self, name):
        """For the programs of a server that need one another."""
        deadline, pause = time.monotonic() + START_SECONDS_MAX, threading.Event()
        while not (self.root / name).exists():
            if time.monotonic() > deadline:
                raise AssertionError(f"{name} does not appear; the log:\n{self.log_tail()}")
            pause.wait(0.02)

    def start(self):
        for _ in range(START_ATTEMPTS_MAX):
            if getattr(self, self.ports[0]) == 0:  # A restart keeps its ports.
                for name, port in zip(self.ports, dovecot.free_ports(len(self.ports))):
                    setattr(self, name, port)
            self.closing.callback(SystemLog(self.root, self.log).close)
            self.launch()
            if all(self._answers(getattr(self, name)) for name in self.ports):
                return self
            self.stop()
            for name in self.ports:
                setattr(self, name, 0)
        raise AssertionError(f"{self.name} does not start; its log:\n{self.log_tail()}")

    def _answers(self, port):
        """False: a process ended, for which a port taken in between is the likely reason."""
        deadline = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port), START_SECONDS_MAX).close()
                return True
            for process in self._processes:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(timeout=0.02)
                    return False
        return False

    def stop(self):
        """Each program is the leader of its own session, and takes its children with it."""
        for process in reversed(self._processes):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
        for process in self._processes:
            try:
                process.wait(timeout=STOP_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        self._processes = []
        self.closing.close()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def log_text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def log_tail(self, lines=30):
        return "\n".join(self.log_text().splitlines()[-lines:])
