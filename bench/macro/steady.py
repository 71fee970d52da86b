"""A contender for poll.py: `mailhaul serve` in the midst of its work, which nobody has to wait for
to start, to open its store or to stop."""

import os
import pathlib
import time

import dovecot
import macro
import program

FRESHNESS = ("100ms", "100ms", "1h")  # Less than one round takes: it never rests.
# In which every mailbox has been asked, its server is known, and so is that nothing happens in it.
ROUNDS_BEFORE = 13
ROUNDS = 3
LOGIN = b"imap-login: Info: Login: user="
PAUSE_SECONDS = 0.02


class Logins:
    """Counts them in the server's log, from now on."""

    def __init__(self, log):
        self.file, self.count, self.rest = open(log, "rb"), 0, b""
        self.file.seek(0, os.SEEK_END)

    def wait_for(self, count):
        while self.count < count:
            time.sleep(PAUSE_SECONDS)
            text = self.rest + self.file.read()
            lines, self.rest = text.rsplit(b"\n", 1) if b"\n" in text else (b"", text)
            self.count += lines.count(LOGIN)
        return self.count, time.monotonic()


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_bytes(pid):
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024


class Steady:
    """Measures the time of ROUNDS rounds over all mailboxes; a run's figures are of one round."""

    name = "mailhaul serve"

    def __init__(self, server, mailboxes, binary, prepare):
        self.server, self.mailboxes, self.binary = server, mailboxes, binary
        self.prepare, self.runs = prepare, []
        self.port = dovecot.free_ports(1)[0]

    def make(self, folder):
        folder.mkdir(parents=True)
        self.prepare(folder, freshness=FRESHNESS, http_port=self.port)

    def measure(self, folder):
        serve = program.Server(self.binary, folder / "mailhaul.yaml", self.port, folder / "log")
        logins = Logins(self.server.folder / "dovecot.log")
        with serve:
            pid = serve.process.pid
            # The first run fetches everything, over more than one login a mailbox.
            first, start = logins.wait_for(ROUNDS_BEFORE * self.mailboxes)
            cpu = cpu_seconds(pid)
            last, end = logins.wait_for(first + ROUNDS * self.mailboxes)
            rounds = (last - first) / self.mailboxes
            self.runs.append(macro.Measured(
                self.name, (end - start) / rounds, (cpu_seconds(pid) - cpu) / rounds,
                peak_bytes(pid)))
