"""A submission server that counts: it takes everything, and writes down all that it hears."""

import contextlib
import dataclasses
import re
import socketserver
import threading

LINE_BYTES_MAX = 1_000_000
MARK = re.compile(rb"^Subject: ([^\r\n]*)\r\n", re.MULTILINE)


@dataclasses.dataclass
class Transaction:
    """One MAIL of a session, as far as it came."""
    sender: str
    recipients: list = dataclasses.field(default_factory=list)
    content: bytes = b""  # Dots taken off; without the final one.
    whole: bool = False  # The final dot, or the last chunk, has arrived: the message is taken.

    def subject(self):
        found = MARK.search(self.content)
        return found[1].decode("ascii", "replace") if found else None


@dataclasses.dataclass
class Session:
    chunking: bool = False
    commands: list = dataclasses.field(default_factory=list)  # Lines outside of messages.
    transactions: list = dataclasses.field(default_factory=list)

    def ended_in_order(self):
        return b"QUIT" in self.commands


class _Handler(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True

    def handle(self):
        with contextlib.suppress(OSError, EOFError):
            self.converse(self.server.script)

    def say(self, text):
        self.wfile.write(text.encode() + b"\r\n")

    def line(self):
        """Up to LF, so that a bare one is heard as what it would be to a careless server."""
        line = self.rfile.readline(LINE_BYTES_MAX)
        if not line.endswith(b"\n"):
            raise EOFError
        return line

    def converse(self, script):
        session = Session()
        with script.lock:
            script.sessions.append(session)
            session.chunking = script.chunking
        self.say("220 script.example ESMTP")
        while True:
            line = self.line()
            session.commands.append(line.rstrip(b"\r\n"))
            verb = line.split()[0].upper() if line.split() else b""
            if verb == b"EHLO":
                more = "250-CHUNKING\r\n" if session.chunking else ""
                self.say(f"250-script.example\r\n{more}250-PIPELINING\r\n250-8BITMIME\r\n"
                         "250-SMTPUTF8\r\n250-SIZE 50000000\r\n250 AUTH PLAIN")
            elif verb == b"AUTH":
                self.say("235 welcome")
            elif verb == b"MAIL":
                session.transactions.append(Transaction(self.address(line)))
                self.say("250 go on")
            elif verb == b"RCPT":
                session.transactions[-1].recipients.append(self.address(line))
                self.say("250 known")
            elif verb == b"DATA":
                self.say("354 go ahead")
                self.take_lines(session.transactions[-1])
                self.say("250 taken")
            elif verb == b"BDAT":
                self.take_chunk(session.transactions[-1], line.split()[1:])
                self.say("250 taken")
            elif verb == b"QUIT":
                self.say("221 bye")
                return
            else:
                self.say("250 so be it" if verb in (b"NOOP", b"RSET") else "500 what?")

    @staticmethod
    def address(line):
        found = re.search(rb"<([^>]*)>", line)
        return found[1].decode("utf-8", "replace") if found else ""

    def take(self, transaction):
        transaction.whole = True
        self.server.script.on_taken(transaction)

    def take_lines(self, transaction):
        while True:
            line = self.line()
            if line in (b".\r\n", b".\n"):
                self.take(transaction)
                return
            transaction.content += line[1:] if line.startswith(b".") else line

    def take_chunk(self, transaction, arguments):
        size, last = int(arguments[0]), len(arguments) > 1
        content = self.rfile.read(size)
        transaction.content += content
        if len(content) < size:
            raise EOFError
        if last:
            self.take(transaction)


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64


class ScriptedSmtp:
    """Use it as a context manager. `chunking` is what the next sessions are offered. `on_taken` is
    called with each transaction that is whole, before its answer."""

    def __init__(self, on_taken=lambda _: None):
        self.on_taken = on_taken
        self.lock, self.sessions, self.chunking = threading.Lock(), [], False
        self.server = _Server(("127.0.0.1", 0), _Handler)
        self.server.script = self
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def all_sessions(self):
        with self.lock:
            return list(self.sessions)

    def transactions(self, recipient=None):
        """(session, transaction), of one recipient or of all."""
        return [(session, each) for session in self.all_sessions()
                for each in list(session.transactions)
                if recipient is None or recipient in each.recipients]

    def taken(self, recipient=None):
        """The messages that it has taken and would deliver."""
        return [each for _, each in self.transactions(recipient) if each.whole]
