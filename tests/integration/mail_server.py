"""The face that all private mail servers of the tests have in common, over what they all speak.

A server class brings start(), stop(), log_text(), log_tail(), `folder`, `users` (login name to
password), `ca_file` and its ports on loopback: imap_port and imaps_port, and pop3_port and
pop3s_port where it speaks POP3 (else 0). MailServer adds what the tests do with it.
"""

import base64
import collections
import contextlib
import hashlib
import imaplib
import poplib
import re
import socket
import ssl

import make_mail

APPEND_SECONDS_MAX = 60
# Longer lines than Python's own limits are lawful in mail, and in Cyrus's answers.
imaplib._MAXLINE = poplib._MAXLINE = 10_000_000


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def folder_name(encoded, delimiter="/"):
    """From IMAP's modified UTF-7, with "/" between levels."""
    def wide(match):
        if not match[1]:
            return "&"
        text = match[1].replace(",", "/")
        return base64.b64decode(text + "=" * (-len(text) % 4)).decode("utf-16-be")
    return re.sub("&([^-]*)-", wide, encoded.replace(delimiter, "/"))


def quoted(name):
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def list_folders(connection):
    """(encoded name, delimiter) of every folder that can be opened."""
    found = []
    for line in connection.list()[1]:
        flags, delimiter, quote, name = re.fullmatch(
            rb'\(([^)]*)\) (?:"(.)"|NIL) ("?)(.*?)\3', line).groups()
        if b"\\noselect" not in flags.lower() and b"\\nonexistent" not in flags.lower():
            if quote:
                name = re.sub(rb"\\(.)", rb"\1", name)
            found.append((name.decode("ascii"), (delimiter or b"/").decode("ascii")))
    return found


def fetch_folder(connection, encoded, items="UID BODY.PEEK[]"):
    """(uid, raw bytes) of every message of one folder, as the server sends them."""
    status, data = connection.select(quoted(encoded), readonly=True)
    if status != "OK":
        raise AssertionError(f"cannot open {encoded}: {data}")
    if int(data[0]) == 0:
        return []
    _, parts = connection.fetch("1:*", f"({items})")
    return [(uid_of(parts, index), part[1]) for index, part in enumerate(parts)
            if isinstance(part, tuple)]


def uid_of(parts, index):
    """The UID stands before the literal or after it."""
    around = parts[index][0]
    if index + 1 < len(parts) and isinstance(parts[index + 1], bytes):
        around += parts[index + 1]
    return int(re.search(rb"UID (\d+)", around)[1])


class MailServer:
    """Mix it into a server class; see above."""

    protocol = "imap"  # What mailhaul is to use; mail is always delivered over IMAP.
    pop3_port = pop3s_port = 0
    # What folders other than INBOX are called on the wire.
    folder_prefix, delimiter = "", "/"

    def secure_port(self):
        return self.imaps_port if self.protocol == "imap" else self.pop3s_port

    def plain_port(self):
        """With STARTTLS or STLS."""
        return self.imap_port if self.protocol == "imap" else self.pop3_port

    def tls(self):
        context = ssl.create_default_context(cafile=str(self.ca_file))
        context.check_hostname = False  # The tests of host names need servers with a wrong one.
        return context

    def connect(self, user):
        """A logged-in imaplib connection over TLS; the caller logs out."""
        connection = imaplib.IMAP4_SSL("127.0.0.1", self.imaps_port, ssl_context=self.tls(),
                                       timeout=APPEND_SECONDS_MAX)
        # imaplib writes a literal and its line end separately; each pair would wait 40 ms.
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.log_in(connection, user)
        return connection

    def log_in(self, connection, user):
        connection.login(user, self.users[user])

    @contextlib.contextmanager
    def session(self, user):
        connection = self.connect(user)
        try:
            yield connection
        finally:
            with contextlib.suppress(imaplib.IMAP4.error, OSError):
                connection.logout()

    def wire_name(self, folder):
        """The quoted name of a folder: its display name, "/" between levels, is given."""
        if folder != "INBOX" and not folder.startswith("INBOX/"):
            folder = self.folder_prefix + folder
        name = make_mail.modified_utf7(folder.replace("/", self.delimiter))
        return quoted(name)

    def create(self, user, folder):
        with self.session(user) as connection:
            self.create_over(connection, folder)

    def create_over(self, connection, folder):
        if folder != "INBOX":
            connection.create(self.wire_name(folder))  # A refusal: it is there already.
            connection.subscribe(self.wire_name(folder))

    def deliver(self, user, folder, raw):
        self.deliver_all(user, [(folder, raw)])

    def deliver_all(self, user, mails):
        """Appends (folder, raw bytes), creating the folders."""
        with self.session(user) as connection:
            for folder in dict.fromkeys(folder for folder, _ in mails):
                self.create_over(connection, folder)
            for folder, raw in mails:
                status, answer = connection.append(self.wire_name(folder), None, None, raw)
                if status != "OK":
                    raise AssertionError(f"APPEND to {folder} refused: {answer}")

    def list(self, user):
        """{folder: [(uid, SHA-256 of the raw bytes)]}, as IMAP hands it out."""
        with self.session(user) as connection:
            return {folder_name(encoded, delimiter):
                    [(uid, sha256(raw)) for uid, raw in fetch_folder(connection, encoded)]
                    for encoded, delimiter in list_folders(connection)}

    def list_pop3(self, user):
        """The same over POP3, with UIDLs. poplib takes the line ends off; they are put back."""
        connection = poplib.POP3_SSL("127.0.0.1", self.pop3s_port, context=self.tls(),
                                     timeout=APPEND_SECONDS_MAX)
        try:
            if "UTF8" in connection.capa():  # Else Courier does not give the mail as it is.
                connection.utf8()
            connection.user(user)
            connection.pass_(self.users[user])
            uidls = [line.split()[1].decode("ascii") for line in connection.uidl()[1]]
            raws = [b"".join(line + b"\r\n" for line in connection.retr(number + 1)[1])
                    for number in range(len(uidls))]
            return {"INBOX": [(uidl, sha256(raw)) for uidl, raw in zip(uidls, raws)]}
        finally:
            connection.quit()

    def contents(self, user):
        """A multiset of (folder, SHA-256)."""
        listed = self.list(user) if self.protocol == "imap" else self.list_pop3(user)
        return collections.Counter((folder, digest) for folder, messages in listed.items()
                                   for _, digest in messages)
