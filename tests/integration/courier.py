"""A private Courier: IMAP and POP3, in the clear with STARTTLS and over TLS."""

import base64
import contextlib
import hashlib
import os
import socket
import threading

from chroot_server import USER_ID, ChrootServer

CONNECTIONS_MAX = 40
LIBRARY = "/usr/lib/courier"
CAPABILITIES = ("IMAP4rev1 UIDPLUS CHILDREN NAMESPACE THREAD=ORDEREDSUBJECT THREAD=REFERENCES "
                "SORT QUOTA IDLE")


class NoFileMonitor:
    """Answers for gamin, Courier's watcher of folders, and hangs up. Without it each session first
    looks for gamin for a second; with it IDLE polls, which is all that is needed."""

    def __init__(self, name):
        self._socket = socket.socket(socket.AF_UNIX)
        # Gamin's library asks for this name in the abstract name space, padded to the full length.
        self._socket.bind(f"\0/tmp/fam-courier-{name}".ljust(108, "\0"))
        self._socket.listen(CONNECTIONS_MAX)
        self._thread = threading.Thread(target=self._refuse, daemon=True)
        self._thread.start()

    def _refuse(self):
        with contextlib.suppress(OSError):  # close() ends it.
            while True:
                self._socket.accept()[0].close()

    def close(self):
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()


class PrivateCourier(ChrootServer):
    """Maildirs, no special use, no LITERAL+, folders below INBOX with "." between levels."""

    name = user = "courier"
    ports = ("imap_port", "imaps_port", "pop3_port", "pop3s_port")
    folder_prefix, delimiter = "INBOX.", "."
    imap_port = imaps_port = 0
    connections_per_address = CONNECTIONS_MAX
    login_pattern = r"INFO: LOGIN, user="

    def maildir(self, user):
        return self.root / "mail" / user / "Maildir"

    def configure(self):
        self.write("etc/courier/authdaemonrc", 'authmodulelist="authuserdb"\n'
                   'authmodulelistorig="authuserdb"\ndaemons=2\n'
                   "authdaemonvar=/run/courier/authdaemon\n")
        self.make_folder("run/courier/authdaemon")
        self.make_folder("mail")
        pem = "".join((self.tls_folder / name).read_text() for name in ("server.key", "server.pem"))
        self.write("tls/both.pem", pem, mode=0o640)
        users, passwords = [], []
        for user, password in self.users.items():
            if not self.maildir(user).exists():
                self.make_folder(f"mail/{user}")
                self.run(["/usr/bin/maildirmake.courier", f"/mail/{user}/Maildir"], as_user=True)
            digest = base64.b64encode(hashlib.sha256(password.encode()).digest()).decode()
            users.append(f"{user}\tuid={USER_ID}|gid={USER_ID}|home=/mail/{user}|"
                         f"mail=/mail/{user}/Maildir|_=\n")
            passwords.append(f"{user}\tsystempw={{SHA256}}{digest}\n")
        for name, lines in (("userdb", users), ("userdbshadow", passwords)):
            base = f"/etc/courier/{name}"
            self.run([f"{LIBRARY}/courier-authlib/makedatprog", "-", f"{base}.tmp", f"{base}.dat"],
                     text="".join(lines) + ".\n")

    def launch(self):
        self.configure()
        self.closing.callback(NoFileMonitor(self.monitor_name()).close)
        self.spawn([f"{LIBRARY}/courier-authlib/authdaemond"],
                   {"authmodulelist": "authuserdb", "daemons": "2"})
        self.wait_for_file("run/courier/authdaemon/socket")
        imap = [f"{LIBRARY}/courier/imaplogin", "/usr/bin/imapd", "Maildir"]
        pop3 = [f"{LIBRARY}/courier/courierpop3login", f"{LIBRARY}/courier/courierpop3d", "Maildir"]
        tls = ["/usr/bin/couriertls", "-server", "-tcpd", f"-user={self.user}"]
        self.listen(self.imap_port, imap, IMAP_STARTTLS="YES")
        self.listen(self.imaps_port, tls + imap, IMAP_TLS="1")
        self.listen(self.pop3_port, pop3, POP3_STARTTLS="YES")
        self.listen(self.pop3s_port, tls + pop3, POP3_TLS="1")

    def monitor_name(self):
        return f"{os.getpid()}-{self.imap_port}"

    def listen(self, port, command, **environment):
        settings = {
            "IMAP_CAPABILITY": CAPABILITIES, "IMAP_CAPABILITY_TLS": CAPABILITIES + " AUTH=PLAIN",
            "IMAP_KEYWORDS": "1", "IMAP_ACL": "1", "IMAP_USELOCKS": "0",
            "IMAP_EMPTYTRASH": "", "IMAP_TRASHFOLDERNAME": "Trash",
            "IMAP_IDLE_TIMEOUT": "60", "IMAP_CHECK_ALL_FOLDERS": "0", "IMAP_OBSOLETE_CLIENT": "0",
            "IMAP_MAILBOX_SANITY_CHECK": "1", "IMAP_UMASK": "022", "MAILDIRPATH": "Maildir",
            "POP3AUTH": "PLAIN LOGIN", "POP3AUTH_TLS": "PLAIN LOGIN",
            "COURIERTLS": "/usr/bin/couriertls", "TLS_CERTFILE": "/tls/both.pem",
            "TLS_VERIFYPEER": "NONE", "TLS_PROTOCOL": "TLSv1.2++",
            "GAM_CLIENT_ID": self.monitor_name(), **environment}
        self.spawn(["/usr/sbin/couriertcpd", "-address=127.0.0.1", f"-maxprocs={CONNECTIONS_MAX}",
                    f"-maxperip={self.connections_per_address}", "-nodnslookup",
                    "-noidentlookup", str(port), *command], settings)


class Pop3Courier(PrivateCourier):
    """Is to be asked over POP3."""

    protocol = "pop3"
