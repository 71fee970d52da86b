"""A mail client that does at random what people's clients do: the same for the same seed."""

import re
import time

from mail_server import quoted
import make_mail

FOLDERS = ["INBOX", "Sent", "Archive/2025", "Projekte/Büro", "日本語"]
FLAGS = ["\\Seen", "\\Flagged", "\\Answered", "\\Draft"]
APPENDED_MAX = 6  # By one step.
TOUCHED_MAX = 8
MESSAGES_KEPT = 80  # Above that many in one mailbox, steps that delete are likelier.
DAYS = 60


class ChurnClient:
    """Works on one mailbox over one session. Message bytes are never used twice, so that equal
    bytes mean the same message. `copied` and `moved` hold the Message-IDs of those that were."""

    def __init__(self, server, user, random):
        self.server, self.user, self.random = server, user, random
        self.serial = 0
        self.copied, self.moved = set(), set()
        self.now = int(time.time())
        for folder in FOLDERS:
            server.create(user, folder)

    def run(self, steps):
        with self.server.session(self.user) as connection:
            self.connection = connection
            for _ in range(steps):
                self.step()

    def step(self):
        count = sum(self.count(folder) for folder in FOLDERS)
        grow = 3 if count < MESSAGES_KEPT else 1
        step = self.random.choices(
            [self.append, self.flag, self.move, self.copy_and_expunge, self.copy, self.expunge],
            weights=[grow, 4, 2, 2, 1, 2])[0]
        step()

    def count(self, folder):
        status, data = self.connection.status(self.name(folder), "(MESSAGES)")
        self.expect(status, data)
        return int(re.search(rb"MESSAGES (\d+)", data[0])[1])

    @staticmethod
    def name(folder):
        return quoted(make_mail.modified_utf7(folder))

    @staticmethod
    def expect(status, data):
        if status != "OK":
            raise AssertionError(f"the server refused: {data}")

    def uid(self, command, *arguments):
        status, data = self.connection.uid(command, *arguments)
        self.expect(status, data)
        return data

    def flags(self):
        return self.random.sample(FLAGS, self.random.randrange(len(FLAGS)))

    def append(self):
        folder = self.random.choice(FOLDERS)
        for _ in range(self.random.randint(1, APPENDED_MAX)):
            self.serial += 1
            ident = f"<{self.serial}.{self.random.getrandbits(48):012x}@{self.user}>"
            body = "line of text\r\n" * self.random.randrange(40)
            raw = (f"From: someone@else.example\r\nTo: {self.user}\r\nSubject: churn "
                   f"{self.serial}\r\nMessage-ID: {ident}\r\n\r\n{body}").encode()
            when = self.now - self.random.randrange(DAYS * 86400)
            self.expect(*self.connection.append(
                self.name(folder), f"({' '.join(self.flags())})", when, raw))

    def some(self):
        """Opens a folder and chooses some of its messages: a UID set, or None if it is empty."""
        self.folder = self.random.choice(FOLDERS)
        self.expect(*self.connection.select(self.name(self.folder)))
        uids = self.uid("SEARCH", "ALL")[0].split()
        if not uids:
            return None
        chosen = self.random.sample(uids, min(len(uids), self.random.randint(1, TOUCHED_MAX)))
        return b",".join(sorted(chosen, key=int)).decode()

    def elsewhere(self):
        return self.name(self.random.choice([each for each in FOLDERS if each != self.folder]))

    def flag(self):
        chosen = self.some()
        if chosen:
            how = self.random.choice(["+FLAGS.SILENT", "-FLAGS.SILENT", "FLAGS.SILENT"])
            self.uid("STORE", chosen, how, f"({' '.join(self.flags())})")

    def message_ids(self, chosen):
        parts = self.uid("FETCH", chosen, "(BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])")
        return {part[1].split(b":", 1)[1].strip(b" <>\r\n").decode()
                for part in parts if isinstance(part, tuple)}

    def move(self):
        chosen = self.some()
        if chosen:
            self.moved |= self.message_ids(chosen)
            self.uid("MOVE", chosen, self.elsewhere())

    def copy_and_expunge(self):
        """How clients move without MOVE."""
        chosen = self.some()
        if chosen:
            self.moved |= self.message_ids(chosen)
            self.uid("COPY", chosen, self.elsewhere())
            self.delete(chosen)

    def copy(self):
        chosen = self.some()
        if chosen:
            self.copied |= self.message_ids(chosen)
            self.uid("COPY", chosen, self.elsewhere())

    def expunge(self):
        chosen = self.some()
        if chosen:
            self.delete(chosen)

    def delete(self, chosen):
        self.uid("STORE", chosen, "+FLAGS.SILENT", "(\\Deleted)")
        self.uid("EXPUNGE", chosen)
