#!/usr/bin/env python3
"""Whole-engine benchmark: empty store to everything durable, parsed and indexed, side by side with
durable peers and with the raw limit, in one run, in turns.

    bench/macro/macro.py [--runs 3] [--mailboxes 40] [--messages 500] [--connections 4]
                         [--out results/NAME.json]

Contenders: `mailhaul collect`; `doveadm backup` over imapc into mdbox with mail_fsync=always;
`mbsync` with FSync; and raw_fetch, our IMAP client that throws the bodies away. One private Dovecot
on loopback in plain text serves them all. CPU is the contender's own with its children; memory is
the largest single process. Every run writes into a fresh folder and nothing is deleted between
runs: ext4 makes a run right after a mass deletion several times slower. What a run wrote is
dropped from the page cache behind it: memory that a virtual machine has never touched costs who
writes through the cache up to a third more, so that the last runs would be the slowest. With four
connections each, `doveadm` waits at times: with 16 it is a twentieth faster, so compare there too.
"""

import argparse
import dataclasses
import json
import os
import pathlib
import resource
import shutil
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.dont_write_bytecode = True
sys.path[:0] = [str(HERE), str(ROOT / "tools" / "demo")]

import config_files  # noqa: E402  (the path above comes first)
import dovecot  # noqa: E402
import make_set  # noqa: E402

PASSWORD = "benchpass"
NOW = 1795392000
CONNECTIONS = 4
LOGINS_MAX = 10_000  # A second: no limit.
FOLDER = ROOT / "build" / "bench"


@dataclasses.dataclass
class Measured:
    name: str
    seconds: float
    cpu_seconds: float
    rss_bytes: int


def forget(folder):
    """Drops the files below it from the page cache."""
    os.sync()
    for root, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(root, name)
            if os.path.isfile(path):  # No sockets.
                file = os.open(path, os.O_RDONLY)
                os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
                os.close(file)


class Contender:
    def __init__(self, name, prepare, command):
        self.name, self.prepare, self.command = name, prepare, command
        self.runs = []

    def run(self, folder):
        self.make(folder)
        self.measure(folder)
        forget(folder)

    def make(self, folder):
        folder.mkdir(parents=True)
        self.prepare(folder)

    def measure(self, folder):
        os.sync()
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        start = time.monotonic()
        with open(folder / "log", "wb") as log:
            process = subprocess.Popen(self.command(folder), stdout=log, stderr=log)
            _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - start
        if status != 0:
            raise SystemExit(f"{self.name} failed; see {folder}/log")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        self.runs.append(Measured(self.name, seconds, cpu, usage.ru_maxrss * 1024))


def mailhaul_configuration(server, users, *, port=None, tls=False, connections=CONNECTIONS):
    """What writes it into a folder."""
    host = "localhost" if tls else "127.0.0.1"

    def prepare(folder, *, http_port=1, **tenant_settings):
        boxes = [config_files.Mailbox(id=f"m{i}", address=user, password=PASSWORD, host=host,
                                      port=port or server.imap_port,
                                      security="tls" if tls else "plaintext")
                 for i, user in enumerate(users)]
        tenant = config_files.Tenant(name="bench", token="bench", mailboxes=boxes,
                                     **tenant_settings)
        main = config_files.main_yaml(http_port=http_port, ca_file=server.ca_file, host=host,
                                      memory_budget="64MiB", connections=connections)
        config_files.write_configuration(
            folder, main.replace("logins_per_second: 100", f"logins_per_second: {LOGINS_MAX}"),
            [tenant])
    return prepare


def mailhaul(server, users, binary, **settings):
    prepare = mailhaul_configuration(server, users, **settings)
    return Contender("mailhaul collect", prepare, lambda folder: [
        str(binary), "collect", "--json", "-c", str(folder / "mailhaul.yaml")])


def xargs(folder, users, processes, command):
    (folder / "users").write_text("\n".join(users) + "\n")
    return ["xargs", "-a", str(folder / "users"), "-P", str(processes), "-I{}", *command]


def doveadm(server, users, *, processes=CONNECTIONS):
    def prepare(folder):
        for user in users:
            (folder / "out" / user).mkdir(parents=True)
        (folder / "d.conf").write_text(f"""base_dir = {folder}/run
state_dir = {folder}/run
log_path = {folder}/dlog
mail_location = mdbox:~/mdbox
mail_uid = mail
mail_gid = mail
first_valid_uid = 1
first_valid_gid = 1
mail_home = {folder}/out/%u
mail_fsync = always
ssl = no
mail_prefetch_count = 50
imapc_host = 127.0.0.1
imapc_port = {server.imap_port}
imapc_user = %u
imapc_password = {PASSWORD}
imapc_features = rfc822.size fetch-headers
namespace inbox {{
  inbox = yes
  separator = /
  prefix =
}}
""")
        script = folder / "run.sh"
        script.write_text("#!/bin/sh\nexport USER=$1 HOME=" + str(folder) + "/out/$1\n"
                          f"exec doveadm -c {folder}/d.conf backup -R -m INBOX -s '' imapc: "
                          "> $HOME/state\n")
        script.chmod(0o755)
        subprocess.run(["chown", "-R", "mail:mail", str(folder)], check=True)
    return Contender("doveadm backup, mdbox, fsync", prepare, lambda folder: [
        "setpriv", "--reuid=mail", "--regid=mail", "--clear-groups", "env", f"HOME={folder}",
        *xargs(folder, users, processes, [str(folder / "run.sh"), "{}"])])


def mbsync(server, users, *, port=None, tls=False, processes=CONNECTIONS):
    # The system's many authorities, read anew by each process, would be most of its work.
    security = (f"SSLType IMAPS\nCertificateFile {server.ca_file}\nSystemCertificates no"
                if tls else "SSLType None")

    def prepare(folder):
        for user in users:
            (folder / "out" / user).mkdir(parents=True)
            (folder / f"{user}.conf").write_text(f"""FSync yes
IMAPStore r
Host {"localhost" if tls else "127.0.0.1"}
Port {port or server.imap_port}
User {user}
Pass {PASSWORD}
{security}
AuthMechs LOGIN

MaildirStore l
Path {folder}/out/{user}/
Inbox {folder}/out/{user}/INBOX

Channel c
Far :r:INBOX
Near :l:INBOX
Create Near
Sync Pull New
CopyArrivalDate yes
SyncState {folder}/out/{user}/state
""")
    return Contender("mbsync, FSync", prepare, lambda folder: xargs(
        folder, users, processes, ["mbsync", "-q", "-c", str(folder / "{}.conf"), "c"]))


def raw_fetch(server, users, binary, *, connections=CONNECTIONS):
    def prepare(folder):
        (folder / "users").write_text("\n".join(users) + "\n")
    return Contender("raw_fetch, bodies discarded", prepare, lambda folder: [
        str(binary), "127.0.0.1", str(server.imap_port), PASSWORD, str(connections),
        str(folder / "users")])


def table(contenders, messages, total_bytes):
    rows, base = [], statistics.median(run.seconds for run in contenders[0].runs)
    for contender in contenders:
        wall = statistics.median(run.seconds for run in contender.runs)
        cpu = statistics.median(run.cpu_seconds for run in contender.runs)
        rows.append({
            "contender": contender.name, "runs": len(contender.runs),
            "wall_seconds": round(wall, 2),
            "wall_seconds_all": [round(run.seconds, 2) for run in contender.runs],
            "messages_per_second": round(messages / wall),
            "megabytes_per_second": round(total_bytes / wall / 1e6),
            "cpu_us_per_message": round(cpu / messages * 1e6),
            "rss_mebibytes": round(max(run.rss_bytes for run in contender.runs) / 2**20),
            "mailhaul_speed_ratio": round(wall / base, 2)})
    return rows


def print_table(rows):
    print(f"{'contender':32} {'wall s':>8} {'msg/s':>8} {'MB/s':>6} {'CPU us/msg':>11} "
          f"{'RSS MiB':>8} {'mailhaul is x times as fast':>28}")
    for row in rows:
        print(f"{row['contender']:32} {row['wall_seconds']:8.2f} {row['messages_per_second']:8} "
              f"{row['megabytes_per_second']:6} {row['cpu_us_per_message']:11} "
              f"{row['rss_mebibytes']:8} {row['mailhaul_speed_ratio']:28.2f}")


def machine():
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo", encoding="utf-8")
                if line.startswith("model name")), "unknown")
    commit = subprocess.run(["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"],
                            capture_output=True, text=True, check=False).stdout.strip()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 30
    return {"cpu": cpu, "cores": os.cpu_count(), "memory_gib": memory, "commit": commit}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--mailboxes", type=int, default=40)
    parser.add_argument("--messages", type=int, default=500)
    parser.add_argument("--connections", type=int, default=CONNECTIONS,
                        help="of each contender at a time; a peer has a process for each")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build" / "release")
    parser.add_argument("--out", type=pathlib.Path)
    options = parser.parse_args()
    folder = FOLDER / time.strftime("%Y%m%d-%H%M%S")
    users = {f"u{i:04}@bench.test": PASSWORD for i in range(options.mailboxes)}
    server = dovecot.PrivateDovecot(folder / "server", users, connections_per_user=100)
    print(f"writing {options.mailboxes} x {options.messages} messages ...", flush=True)
    messages, total = make_set.write_set(folder / "server" / "mail", list(users),
                                         options.messages, NOW)
    server.adopt_mail()
    names = list(users)
    at_once = options.connections
    contenders = [mailhaul(server, names, options.build / "mailhaul", connections=at_once),
                  doveadm(server, names, processes=at_once),
                  mbsync(server, names, processes=at_once),
                  raw_fetch(server, names, options.build / "bench" / "raw_fetch",
                            connections=at_once)]
    with server:
        # Server indexes and page cache; and memory for what peers write through it.
        for number, peer in enumerate(reversed(contenders[1:])):
            peer.run(folder / f"warm-up{number}")
            peer.runs.clear()
        for number in range(options.runs):
            for index, contender in enumerate(contenders):
                contender.run(folder / f"run{number}-{index}")
    rows = table(contenders, messages, total)
    print(f"{messages} messages, {total / 1e6:.0f} MB, median of {options.runs} runs in turns")
    print_table(rows)
    if options.out:
        options.out.write_text(json.dumps({"machine": machine(), "messages": messages,
                                           "connections": at_once,
                                           "bytes": total, "results": rows}, indent=1) + "\n")
    print(f"everything lies in {folder}; remove it when done")
    return 0


if __name__ == "__main__":
    if os.geteuid() != 0 or not shutil.which("doveadm") or not shutil.which("mbsync"):
        raise SystemExit("the comparison needs root, dovecot-imapd and isync")
    sys.exit(main())
