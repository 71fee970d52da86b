"""A private Postfix for submission: STARTTLS and TLS ports on loopback, AUTH by a private Dovecot,
delivery to maildirs in its own folder.

Postfix's daemons change to users of their own, so this needs root. It shares nothing with a
Postfix of the machine but the programs: configuration, queue, data and log lie below one folder,
and it ends by its own process id.
"""

import contextlib
import grp
import os
import pathlib
import pwd
import shutil
import smtplib
import subprocess
import sys
import tempfile
import time

import dovecot

SUPERVISE = pathlib.Path(__file__).with_name("supervise.py")
DAEMONS = pathlib.Path("/usr/lib/postfix/sbin")
START_SECONDS_MAX = 30
STOP_SECONDS_MAX = 20
START_ATTEMPTS_MAX = 5
DELIVERY_USER = "mail"
DOMAIN = "dest.example"
# Readable and writable by whom, of what the queue consists of (postfix-files says the same).
QUEUE_FOLDERS = ("active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming",
                 "private", "saved", "trace")


class PostfixError(Exception):
    """Postfix or its Dovecot did not do what was asked; the message holds their own words."""


class PrivatePostfix:
    """`users` maps a login name to its password. Mail for NAME@DOMAIN lies in maildir(NAME).

    Use it as a context manager. `starttls_port` wants STARTTLS and AUTH, `tls_port` AUTH.
    """

    def __init__(self, users, *, names=("localhost", "127.0.0.1"), size_max=1_000_000,
                 recipients=("bob", "carol")):
        if os.geteuid() != 0:
            raise PostfixError("a private Postfix needs root")
        self.users, self.size_max, self.recipients = dict(users), size_max, recipients
        # Short: paths of sockets are.
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="mh-postfix-", dir="/tmp"))
        os.chmod(self.folder, 0o755)
        self.tls_folder = self.folder / "tls"
        self.ca_file = self.tls_folder / "ca.pem"
        dovecot.make_authority(self.tls_folder)
        dovecot.make_certificate(self.tls_folder, names)
        self.starttls_port = self.tls_port = 0
        self._postfix = self._auth = None

    def maildir(self, recipient):
        return self.folder / "mail" / recipient

    def delivered(self, recipient):
        """{file name: raw bytes} of the messages in the maildir; lines end in LF there."""
        with contextlib.suppress(FileNotFoundError):
            return {path.name: path.read_bytes()
                    for path in (self.maildir(recipient) / "new").iterdir()}
        return {}

    def log_text(self):
        with contextlib.suppress(FileNotFoundError):
            return (self.folder / "postfix.log").read_text(errors="replace")
        return ""

    def log_tail(self, characters=4000):
        output = (self.folder / "master.out").read_text(errors="replace")
        return (output + self.log_text())[-characters:]

    # Starting and stopping.

    def __enter__(self):
        try:
            self._start_auth()
            for _ in range(START_ATTEMPTS_MAX):
                if self._try_start():
                    return self
            raise PostfixError(f"Postfix does not start; its log:\n{self.log_tail()}")
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_):
        for process in (self._postfix, self._auth):
            if process is not None and process.poll() is None:
                process.terminate()
                try:
                    process.wait(timeout=STOP_SECONDS_MAX)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _spawn(self, command, output):
        with open(self.folder / output, "ab") as log:
            return subprocess.Popen([str(part) for part in command], stdin=subprocess.DEVNULL,
                                    stdout=log, stderr=log, start_new_session=True,
                                    preexec_fn=dovecot.die_with_parent)

    def _try_start(self):
        """False: it ended at once, for which a port taken in between is the likely reason."""
        self.starttls_port, self.tls_port = dovecot.free_ports(2)
        self._write_configuration()
        self._make_folders()
        self._postfix = self._spawn([sys.executable, "-B", SUPERVISE, DAEMONS / "master", "-c",
                                     self.folder / "etc", "-d"], "master.out")
        deadline = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError, smtplib.SMTPException):
                with smtplib.SMTP("127.0.0.1", self.starttls_port, timeout=START_SECONDS_MAX):
                    return True
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._postfix.wait(timeout=0.05)
                return False
        raise PostfixError(f"Postfix does not answer; its log:\n{self.log_tail()}")

    # What it runs on.

    def _make_folders(self):
        owner, group = pwd.getpwnam("postfix").pw_uid, grp.getgrnam("postdrop").gr_gid
        queue = self.folder / "queue"
        for name in QUEUE_FOLDERS:
            (queue / name).mkdir(parents=True, exist_ok=True)
            os.chown(queue / name, owner, 0)
            os.chmod(queue / name, 0o700)
        for name, mode in (("maildrop", 0o730), ("public", 0o710)):
            (queue / name).mkdir(exist_ok=True)
            os.chown(queue / name, owner, group)
            os.chmod(queue / name, mode)
        (queue / "pid").mkdir(exist_ok=True)
        (self.folder / "data").mkdir(exist_ok=True)
        os.chown(self.folder / "data", owner, 0)
        mail = self.folder / "mail"
        mail.mkdir(exist_ok=True)
        os.chown(mail, pwd.getpwnam(DELIVERY_USER).pw_uid, grp.getgrnam(DELIVERY_USER).gr_gid)

    def _write_configuration(self):
        etc = self.folder / "etc"
        etc.mkdir(exist_ok=True)
        user = pwd.getpwnam(DELIVERY_USER)
        (etc / "mailboxes").write_text("".join(f"{name}@{DOMAIN} {name}/\n"
                                               for name in self.recipients))
        (etc / "main.cf").write_text(f"""compatibility_level = 3.6
config_directory = {etc}
queue_directory = {self.folder}/queue
data_directory = {self.folder}/data
daemon_directory = {DAEMONS}
maillog_file = {self.folder}/postfix.log
maillog_file_prefixes = /tmp
myhostname = mail.{DOMAIN}
mydestination =
mynetworks =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
alias_maps =
local_recipient_maps =
message_size_limit = {self.size_max}
virtual_mailbox_domains = {DOMAIN}
virtual_mailbox_maps = texthash:{etc}/mailboxes
virtual_mailbox_base = {self.folder}/mail
virtual_uid_maps = static:{user.pw_uid}
virtual_gid_maps = static:{user.pw_gid}
virtual_minimum_uid = 1
virtual_mailbox_limit = 0
smtpd_tls_security_level = encrypt
smtpd_tls_auth_only = yes
smtpd_tls_cert_file = {self.tls_folder}/server.pem
smtpd_tls_key_file = {self.tls_folder}/server.key
smtpd_tls_loglevel = 1
smtpd_tls_received_header = yes
smtpd_sasl_auth_enable = yes
smtpd_sasl_authenticated_header = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = {self.folder}/run/auth
smtpd_relay_restrictions = permit_sasl_authenticated, reject
smtpd_recipient_restrictions = permit_sasl_authenticated, reject
smtpd_client_connection_rate_limit = 0
smtpd_error_sleep_time = 0
smtpd_forbid_bare_newline = no
""")
        (etc / "master.cf").write_text(f"""127.0.0.1:{self.starttls_port} inet n - n - - smtpd
127.0.0.1:{self.tls_port} inet n - n - - smtpd -o smtpd_tls_wrappermode=yes
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
""")

    def _start_auth(self):
        run, passwords = self.folder / "run", self.folder / "passwd"
        run.mkdir()
        os.chmod(run, 0o755)
        passwords.write_text("".join(f"{user}:{{PLAIN}}{password}\n"
                                     for user, password in self.users.items()))
        os.chmod(passwords, 0o640)
        os.chown(passwords, 0, grp.getgrnam("dovecot").gr_gid)
        configuration = self.folder / "dovecot.conf"
        configuration.write_text(f"""base_dir = {run}
state_dir = {run}
log_path = {self.folder}/dovecot.log
protocols =
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain login scram-sha-256
auth_failure_delay = 0
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {passwords}
}}
userdb {{
  driver = static
  args = uid=mail gid=mail home=/nonexistent
}}
service auth {{
  unix_listener auth {{
    mode = 0666
  }}
}}
""")
        self._auth = self._spawn([dovecot.find_program("dovecot"), "-F", "-c", configuration],
                                 "dovecot.out")
        deadline = time.monotonic() + START_SECONDS_MAX
        while not (run / "auth").is_socket():
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._auth.wait(timeout=0.02)
                raise PostfixError((self.folder / "dovecot.out").read_text(errors="replace"))
            if time.monotonic() > deadline:
                raise PostfixError("Dovecot's auth service does not start")
