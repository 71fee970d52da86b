"""A pseudo terminal with a program on it, and the picture that the program draws there."""

import codecs
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import threading

from support import dovecot, wait_until

SEQUENCE = re.compile(r"\x1b(\[[0-9;?]*[A-Za-z]|[^\[])")
BEGUN_SEQUENCE = re.compile(r"\x1b(\[[0-9;?]*)?\Z")


class Screen:
    """What a terminal shows. Knows the sequences that our program may send, and no other one."""

    def __init__(self, columns, rows):
        self.cursor_shown, self.page, self.pending = True, "main", ""
        self.unknown = []  # What nobody should send to a terminal.
        self.outside = 0   # Characters of the last frame that did not fit.
        self.pages = {"main": {}, "other": {}}
        self.resize(columns, rows)

    def resize(self, columns, rows):
        self.columns, self.rows, self.row, self.column = columns, rows, 0, 0
        self.pages["other"].clear()

    @property
    def cells(self):
        return self.pages[self.page]

    def lines(self):
        return ["".join(self.cells.get((row, column), " ")
                        for column in range(self.columns)).rstrip() for row in range(self.rows)]

    def feed(self, text):
        text, self.pending, place = self.pending + text, "", 0
        while place < len(text):
            sequence = SEQUENCE.match(text, place)
            if sequence:
                self._obey(sequence.group())
                place = sequence.end()
            elif BEGUN_SEQUENCE.match(text, place):
                self.pending = text[place:]
                return
            else:
                self._put(text[place])
                place += 1

    def _put(self, character):
        if character == "\r":
            self.column = 0
        elif character == "\n":
            self.row += 1
        elif not character.isprintable():
            self.unknown.append(character)
        elif self.row >= self.rows or self.column >= self.columns:
            self.outside += 1
        else:
            self.cells[self.row, self.column] = character
            self.column += 1

    def _erase(self, inside):
        for cell in [cell for cell in self.cells if inside(*cell)]:
            del self.cells[cell]

    def _obey(self, sequence):
        here = (self.row, self.column)
        if sequence == "\x1b[H":
            self.row = self.column = self.outside = 0
        elif sequence == "\x1b[K":
            self._erase(lambda row, column: row == here[0] and column >= here[1])
        elif sequence == "\x1b[J":
            self._erase(lambda row, column: (row, column) >= here)
        elif sequence == "\x1b[2J":
            self._erase(lambda row, column: True)
        elif sequence in ("\x1b[?25l", "\x1b[?25h"):
            self.cursor_shown = sequence.endswith("h")
        elif sequence in ("\x1b[?1049h", "\x1b[?1049l"):
            self.page = "other" if sequence.endswith("h") else "main"
        elif not re.fullmatch(r"\x1b\[[0-9;]*m", sequence):
            self.unknown.append(sequence)


class Terminal:
    """Runs `arguments` in the foreground of a terminal of its own. Use it as a context manager."""

    def __init__(self, arguments, *, columns=100, rows=30, **environment):
        self.screen = Screen(columns, rows)
        self.sent = b""  # All that the program wrote.
        self._lock = threading.Lock()
        self._ours, self._theirs = pty.openpty()
        self._set_size(columns, rows)
        self.before = termios.tcgetattr(self._theirs)
        self.process = subprocess.Popen(
            [str(argument) for argument in arguments], stdin=self._theirs, stdout=self._theirs,
            stderr=self._theirs, preexec_fn=self._take_terminal,
            env={**os.environ, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8", **environment})
        self._ended = threading.Event()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _take_terminal(self):
        dovecot.die_with_parent()
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    def _set_size(self, columns, rows):
        fcntl.ioctl(self._theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def _read(self):
        decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        while not self._ended.is_set():
            if select.select([self._ours], [], [], 0.1)[0]:
                data = os.read(self._ours, 65536)
                with self._lock:
                    self.sent += data
                    self.screen.feed(decoder.decode(data))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._ended.set()
        self._reader.join()
        os.close(self._ours)
        os.close(self._theirs)

    def text(self):
        with self._lock:
            return "\n".join(self.screen.lines())

    def wait_for(self, predicate, what):
        try:
            wait_until(lambda: predicate(self.text()), what, seconds=30)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.text()}") from None

    def wait_for_text(self, *texts):
        self.wait_for(lambda shown: all(text in shown for text in texts), repr(texts))

    def resize(self, columns, rows):
        """The kernel tells the program with SIGWINCH."""
        with self._lock:
            self.screen.resize(columns, rows)
        self._set_size(columns, rows)

    def type(self, keys):
        os.write(self._ours, keys)

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self):
        """The exit code, once the picture is what the program left."""
        code = self.process.wait(timeout=30)
        wait_until(lambda: self.sent.endswith(b"\x1b[?1049l"), "the last of it")
        return code

    def is_as_before(self):
        """Line discipline, cursor and page are as the program found them."""
        with self._lock:
            return (termios.tcgetattr(self._theirs) == self.before and self.screen.cursor_shown
                    and self.screen.page == "main")

    def is_stopped(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as stat:
            return stat.read().rpartition(")")[2].split()[0] == "T"
