"""A private Dovecot for the demo and the integration tests.

It listens on loopback only, on free ports, keeps everything in its own folder, and never touches
the machine's own mail server: it is a child process of ours, stopped by its own process id. Works
as root (mail is then read by the unprivileged user "mail") and as a normal user.
"""

import contextlib
import ctypes
import grp
import imaplib
import os
import pathlib
import pwd
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time

START_SECONDS_MAX = 20
STOP_SECONDS_MAX = 10
START_ATTEMPTS_MAX = 5  # A port found free may be taken before Dovecot binds it.
SPECIAL_USE = {"Sent": "\\Sent", "Drafts": "\\Drafts", "Trash": "\\Trash", "Junk": "\\Junk"}
PR_SET_PDEATHSIG = 1

# Bound when the module is loaded: after fork() nothing may be imported.
_LIBC = ctypes.CDLL(None, use_errno=True)


class DovecotError(Exception):
    """Dovecot or openssl did not do what was asked; the message holds their own words."""


def die_with_parent():
    """For Popen's preexec_fn: the child gets SIGTERM when this process dies, however it dies."""
    _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def free_ports(count):
    """Returns `count` different loopback ports nobody listens on at this moment."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def find_program(name):
    """A normal user has no /usr/sbin in PATH, where Debian keeps dovecot."""
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin")
    if path is None:
        raise DovecotError(f"{name} is not installed: apt-get install dovecot-imapd openssl")
    return path


def _openssl(*arguments):
    done = subprocess.run([find_program("openssl"), *arguments], capture_output=True, text=True)
    if done.returncode != 0:
        raise DovecotError(f"openssl {arguments[0]} failed: {done.stderr.strip()}")


def make_authority(folder):
    """Makes ca.pem and ca.key in `folder`, valid for ten years; returns the path of ca.pem."""
    folder.mkdir(parents=True, exist_ok=True)
    certificate = folder / "ca.pem"
    _openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
             "-keyout", str(folder / "ca.key"), "-out", str(certificate), "-days", "3650",
             "-subj", "/CN=mailhaul demo authority",
             "-addext", "keyUsage=critical,keyCertSign,cRLSign")
    return certificate


def make_certificate(folder, names):
    """Makes server.pem and server.key for `names` (host names or IP addresses), signed by the
    authority in the same folder."""
    entries = [("IP:" if name.replace(".", "").isdigit() else "DNS:") + name for name in names]
    request, extensions = folder / "server.csr", folder / "server.ext"
    extensions.write_text(f"subjectAltName={','.join(entries)}\nextendedKeyUsage=serverAuth\n")
    _openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
             "-keyout", str(folder / "server.key"), "-out", str(request), "-subj",
             f"/CN={names[0]}")
    _openssl("x509", "-req", "-in", str(request), "-CA", str(folder / "ca.pem"), "-CAkey",
             str(folder / "ca.key"), "-CAcreateserial", "-out", str(folder / "server.pem"),
             "-days", "3650", "-extfile", str(extensions))


def readable_by_others(folder):
    """Whether an unprivileged user could enter `folder`: root's own home, for one, is closed."""
    folder = folder.resolve()
    return all(parent.stat().st_mode & 0o001 for parent in [folder, *folder.parents])


class PrivateDovecot:
    """`users` maps a login name to its password; mail lies in maildir(user). With `pop3` it speaks
    POP3 as well. `special_use` maps the folders every user has besides INBOX. `settings` is
    appended to dovecot.conf, where the last word counts.

    Everything is below `folder`, except the sockets: their paths must be short, so they lie in a
    folder of their own below /tmp that stop() removes. Use it as a context manager.
    """

    def __init__(self, folder, users, *, names=("localhost", "127.0.0.1"),
                 connections_per_user=50, settings="", pop3=False, special_use=SPECIAL_USE):
        self.folder = pathlib.Path(folder).resolve()
        self.users = dict(users)
        self.connections_per_user = connections_per_user
        self.imap_port = self.imaps_port = 0
        self.pop3_port = self.pop3s_port = 0
        self._pop3 = pop3
        self._settings = settings
        self._special_use = special_use
        self._names = tuple(names)
        self._process = None
        self._run_folder = None
        self.folder.mkdir(parents=True, exist_ok=True)
        self._as_root = os.geteuid() == 0
        if self._as_root:
            self._prepare_for_root()
        self.tls_folder = self.folder / "tls"
        self.ca_file = self.tls_folder / "ca.pem"
        if not self.ca_file.exists():
            make_authority(self.tls_folder)
            make_certificate(self.tls_folder, self._names)

    def _prepare_for_root(self):
        os.chmod(self.folder, 0o755)
        if not readable_by_others(self.folder):
            raise DovecotError(f"{self.folder} cannot be entered by the user 'mail'; choose a "
                               "folder whose parents are open to others, such as below /var/tmp")

    def maildir(self, user):
        return self.folder / "mail" / user / "Maildir"

    def adopt_mail(self):
        """Call after writing maildirs by hand: gives them to the user that reads them."""
        if not self._as_root:
            return
        owner, group = pwd.getpwnam("mail").pw_uid, grp.getgrnam("mail").gr_gid
        for parent, _, files in os.walk(self.folder / "mail"):
            os.chown(parent, owner, group)
            for name in files:
                os.chown(os.path.join(parent, name), owner, group)

    def start(self):
        (self.folder / "mail").mkdir(exist_ok=True)
        self.adopt_mail()
        for _ in range(START_ATTEMPTS_MAX):
            if self._try_start():
                return self
        raise DovecotError(f"Dovecot does not start; its log:\n{self.log_tail()}")

    def _try_start(self):
        """False: it ended at once, for which a port taken in between is the likely reason."""
        if self.imap_port == 0:  # A restart keeps its ports: clients come back to them.
            self.imap_port, self.imaps_port, pop3_port, pop3s_port = free_ports(4)
            if self._pop3:
                self.pop3_port, self.pop3s_port = pop3_port, pop3s_port
        self._run_folder = pathlib.Path(tempfile.mkdtemp(prefix="mh-dovecot-", dir="/tmp"))
        os.chmod(self._run_folder, 0o755)
        configuration = self.folder / "dovecot.conf"
        configuration.write_text(self._configuration())
        self._write_passwords()
        with open(self.folder / "dovecot.out", "ab") as output:
            # A session of its own: Ctrl-C in the terminal must not stop the server before us.
            self._process = subprocess.Popen(
                [find_program("dovecot"), "-F", "-c", str(configuration)], stdin=subprocess.DEVNULL,
                stdout=output, stderr=output, start_new_session=True, preexec_fn=die_with_parent)
        if self._wait_until_ready():
            return True
        self.stop()
        self.imap_port = self.imaps_port = 0
        return False

    def _wait_until_ready(self):
        deadline = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError, imaplib.IMAP4.error):
                with imaplib.IMAP4("127.0.0.1", self.imap_port, timeout=START_SECONDS_MAX):
                    return True
            # Waiting for the process is the pause between two attempts, and notices its end.
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=0.02)
                return False
        raise DovecotError(f"Dovecot does not answer on port {self.imap_port}; its log:\n"
                           f"{self.log_tail()}")

    def stop(self):
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(timeout=STOP_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._process = None
        if self._run_folder is not None:
            shutil.rmtree(self._run_folder, ignore_errors=True)
            self._run_folder = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def log_tail(self, lines=20):
        texts = []
        for name in ("dovecot.log", "dovecot.out"):
            with contextlib.suppress(FileNotFoundError):
                texts += (self.folder / name).read_text(errors="replace").splitlines()[-lines:]
        return "\n".join(texts)

    def log_text(self):
        return (self.folder / "dovecot.log").read_text(errors="replace")

    def connect(self, user):
        """A logged-in imaplib connection over TLS; the caller logs out."""
        context = ssl.create_default_context(cafile=str(self.ca_file))
        context.check_hostname = False  # The tests of host names need servers with a wrong one.
        connection = imaplib.IMAP4_SSL("127.0.0.1", self.imaps_port, ssl_context=context)
        connection.login(user, self.users[user])
        return connection

    def _write_passwords(self):
        path = self.folder / "passwd"
        path.write_text("".join(f"{user}:{{PLAIN}}{password}\n"
                                for user, password in self.users.items()))
        if self._as_root:  # The auth process does not run as root.
            os.chmod(path, 0o640)
            os.chown(path, 0, grp.getgrnam("dovecot").gr_gid)
        else:
            os.chmod(path, 0o600)

    def _identity(self):
        """Settings that differ between root, who can change to other users, and everybody else."""
        if self._as_root:
            return "mail_uid = mail\nmail_gid = mail\n"
        user = pwd.getpwuid(os.geteuid()).pw_name
        group = grp.getgrgid(os.getegid()).gr_name
        names = ["anvil", "stats", "imap-login", "imap-urlauth-login"]
        services = "".join(f"service {name} {{\n  chroot =\n}}\n"
                           for name in names + ["pop3-login"] * self._pop3)
        return (f"default_internal_user = {user}\ndefault_internal_group = {group}\n"
                f"default_login_user = {user}\nmail_uid = {user}\nmail_gid = {group}\n{services}")

    def _pop3_configuration(self):
        if not self._pop3:
            return ""
        return f"""protocols = imap pop3
service pop3-login {{
  inet_listener pop3 {{
    port = {self.pop3_port}
  }}
  inet_listener pop3s {{
    port = {self.pop3s_port}
    ssl = yes
  }}
}}
"""

    def _configuration(self):
        special = "".join(f"  mailbox {name} {{\n    special_use = {use}\n    auto = create\n  }}\n"
                          for name, use in self._special_use.items())
        return f"""base_dir = {self._run_folder}
state_dir = {self._run_folder}
log_path = {self.folder}/dovecot.log
listen = 127.0.0.1
protocols = imap
ssl = yes
ssl_cert = <{self.tls_folder}/server.pem
ssl_key = <{self.tls_folder}/server.key
disable_plaintext_auth = no
auth_mechanisms = plain login
auth_failure_delay = 0
verbose_proctitle = no
mail_location = maildir:~/Maildir
first_valid_uid = 1
first_valid_gid = 1
mail_fsync = never
maildir_very_dirty_syncs = no
default_process_limit = 400
default_client_limit = 2000
{self._identity()}passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {self.folder}/passwd
}}
userdb {{
  driver = static
  args = home={self.folder}/mail/%u
}}
namespace inbox {{
  inbox = yes
  separator = /
  prefix =
{special}}}
protocol imap {{
  mail_max_userip_connections = {self.connections_per_user}
}}
service imap-login {{
  service_count = 0
  process_min_avail = 1
  client_limit = 400
  inet_listener imap {{
    port = {self.imap_port}
  }}
  inet_listener imaps {{
    port = {self.imaps_port}
    ssl = yes
  }}
}}
service imap {{
  process_limit = 400
  process_min_avail = 2
  service_count = 100
}}
{self._pop3_configuration()}{self._settings}"""
