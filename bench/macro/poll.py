#!/usr/bin/env python3
"""Poll benchmark: how fast many mailboxes without news are asked for news, side by side in one run,
in turns: `mailhaul serve` in the midst of its work and `mailhaul collect` from start to end, both
with fresh logins, mbsync, and the raw limit.

    bench/macro/poll.py [--runs 3] [--mailboxes 2000] [--sessions 400] [--delay 50]
                        [--only-held] [--out results/NAME.json]

Every mailbox has an INBOX alone and is collected before the clock starts. One private Dovecot on
loopback serves them all, in plain text and over TLS. raw_poll makes one connection per mailbox with
LOGIN, EXAMINE and LOGOUT, a round trip each; with LOGIN, STATUS and LOGOUT in one write, which is
the least that tells of news; and with LOGIN and LOGOUT alone, which asks for nothing. What these
make of mbsync's speed is what the machine allows. --delay puts that many milliseconds of round trip
between client and server: with netem in a network name space of its own, or, where the kernel has
no netem, through a relay.

Then held_poll, our IMAP sessions alone on one loop: over --sessions held ones (NOOP; the status of
the folders, which is what a check asks; and with it all that the engine says between two waits in
IDLE), and with fresh logins, where TLS sessions are resumed and where they are not.
"""

import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import time

import macro
import steady
from macro import Contender, dovecot, make_set

MESSAGES = 5
IN_NAME_SPACE = "MAILHAUL_BENCH_DELAYED"
SPEED_OVER_MBSYNC_GOAL = 3.5
SPEED_OVER_RAW_GOAL = 0.85
HELD_GOAL = 8000  # Mailboxes a second, on two cores with the server.
HELD_SECONDS = 3
HELD_MODES = {"noop": "held sessions, NOOP", "status": "held sessions, LIST with STATUS",
              "check": "held sessions, IDLE to IDLE", "login": "fresh logins",
              "full": "fresh logins, none resumed"}
SERVER_SETTINGS = """auth_cache_size = 16M
maildir_very_dirty_syncs = yes
service imap {
  process_limit = 1000
  process_min_avail = 8
  service_count = 1000
}
"""


RAW_MODES = {"examine": "raw LOGIN, EXAMINE, LOGOUT", "status": "raw LOGIN+STATUS+LOGOUT",
             "nothing": "raw LOGIN+LOGOUT, asks nothing"}


def raw_poll(server, users, binary, mode, *, port, tls, connections):
    def prepare(folder):
        (folder / "users").write_text("\n".join(users) + "\n")
    return Contender(RAW_MODES[mode], prepare, lambda folder: [
        str(binary), "localhost" if tls else "127.0.0.1", str(port),
        str(server.ca_file) if tls else "-", macro.PASSWORD, str(connections),
        str(folder / "users"), mode])


def contenders_for(server, users, options, ports, tls):
    build, port = options.build, ports[tls]
    settings = {"port": port, "tls": tls}
    ours = {"connections": options.connections, **settings}
    return [
        steady.Steady(server, len(users), build / "mailhaul",
                      macro.mailhaul_configuration(server, users, **ours)),
        macro.mailhaul(server, users, build / "mailhaul", **ours),
        macro.mbsync(server, users, **settings),
        *(raw_poll(server, users, build / "bench" / "raw_poll", mode,
                   connections=options.connections, **settings) for mode in RAW_MODES)]


def measure(contenders, folder, runs):
    """The first run of each fetches everything and is not counted."""
    for index, contender in enumerate(contenders):
        contender.make(folder / str(index))
        contender.measure(folder / str(index))
        contender.runs.clear()
    for _ in range(runs):
        for index, contender in enumerate(contenders):
            contender.measure(folder / str(index))


def rows_of(contenders, mailboxes):
    walls = [statistics.median(run.seconds for run in each.runs) for each in contenders]
    return [{
        "contender": each.name, "wall_seconds": round(wall, 2),
        "wall_seconds_all": [round(run.seconds, 2) for run in each.runs],
        "mailboxes_per_second": round(mailboxes / wall),
        "cpu_us_per_mailbox": round(
            statistics.median(run.cpu_seconds for run in each.runs) / mailboxes * 1e6),
        "rss_mebibytes": round(max(run.rss_bytes for run in each.runs) / 2**20),
        "mailhaul_speed_ratio": round(wall / walls[0], 2)}
            for each, wall in zip(contenders, walls)]


def held_row(server, users, options, port, tls, mode, folder):
    """The median run of one mode: counted and timed by held_poll itself, logins left out."""
    sessions = options.connections if mode in ("login", "full") else options.sessions
    (folder / "users").write_text("\n".join(users) + "\n")
    command = [str(options.build / "bench" / "held_poll"), "localhost" if tls else "127.0.0.1",
               str(port), str(server.ca_file) if tls else "-", macro.PASSWORD,
               str(folder / "users"), str(sessions), str(HELD_SECONDS), mode]
    runs = []
    for _ in range(options.runs):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise SystemExit(f"held_poll {mode} failed: {done.stderr}")
        count, seconds, cpu = (float(word) for word in done.stdout.split())
        runs.append((count / seconds, cpu / count * 1e6))
    runs.sort()
    rate, cpu = runs[len(runs) // 2]
    return {"mode": mode, "sessions": sessions, "mailboxes_per_second": round(rate),
            "mailboxes_per_second_all": [round(each) for each, _ in runs],
            "cpu_us_per_mailbox": round(cpu, 1)}


def held_rows(server, users, options, ports, folder):
    folder.mkdir(parents=True, exist_ok=True)
    print(f"\n{options.sessions} held sessions, or {options.connections} fresh logins at once, on "
          f"one loop, {options.delay} ms, median of {options.runs}")
    print(f"{'':12} {'':32} {'boxes/s':>8} {'CPU us/box':>11}")
    rows = {}
    for tls, name in ((False, "plain text"), (True, "TLS")):
        rows[name] = []
        for mode, title in HELD_MODES.items():
            if mode == "full" and not tls:
                continue
            row = held_row(server, users, options, ports[tls], tls, mode, folder)
            rows[name].append(row)
            print(f"{name:12} {title:32} {row['mailboxes_per_second']:8} "
                  f"{row['cpu_us_per_mailbox']:11}", flush=True)
    print(f"goal: {HELD_GOAL} over held sessions", flush=True)
    return rows


def show(title, rows):
    print(f"\n{title}")
    print(f"{'contender':32} {'wall s':>8} {'boxes/s':>8} {'CPU us/box':>11} {'RSS MiB':>8} "
          f"{'mailhaul is x times as fast':>28}")
    for row in rows:
        print(f"{row['contender']:32} {row['wall_seconds']:8.2f} "
              f"{row['mailboxes_per_second']:8} {row['cpu_us_per_mailbox']:11} "
              f"{row['rss_mebibytes']:8} {row['mailhaul_speed_ratio']:28.2f}")
    print(f"goals: {SPEED_OVER_MBSYNC_GOAL} over mbsync, {SPEED_OVER_RAW_GOAL} over raw",
          flush=True)


def with_netem(delay):
    """Runs this program again where loopback is slow; False if this kernel cannot do that."""
    script = ("ip link set lo up && "
              f"tc qdisc add dev lo root netem delay {delay / 2}ms limit 100000 && " 'exec "$@"')
    command = ["unshare", "--net", "sh", "-c", script, "sh"]
    if subprocess.run([*command, "true"], capture_output=True, check=False).returncode != 0:
        return False
    os.environ[IN_NAME_SPACE] = "1"
    os.execvp(command[0], [*command, sys.executable, "-B", *sys.argv])


class Relay:
    """delay_relay.py before the server's two ports."""

    def __init__(self, server, delay):
        self.ports = dovecot.free_ports(2)
        pairs = zip(self.ports, (server.imap_port, server.imaps_port))
        self.process = subprocess.Popen(
            [sys.executable, "-B", str(macro.HERE / "delay_relay.py"), str(delay),
             *(f"{ours}:{theirs}" for ours, theirs in pairs)], stdout=subprocess.PIPE,
            preexec_fn=dovecot.die_with_parent)
        self.process.stdout.readline()  # It listens.

    def stop(self):
        self.process.terminate()
        self.process.wait()


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--mailboxes", type=int, default=2000)
    parser.add_argument("--connections", type=int, default=0, help="mailhaul's and raw_poll's")
    parser.add_argument("--sessions", type=int, default=400, help="held at the same time")
    parser.add_argument("--only-held", action="store_true", help="no other contenders")
    parser.add_argument("--delay", type=float, default=0, help="round trip in milliseconds")
    parser.add_argument("--build", type=pathlib.Path, default=macro.ROOT / "build" / "release")
    parser.add_argument("--out", type=pathlib.Path)
    options = parser.parse_args()
    options.connections = options.connections or (64 if options.delay else 8)
    options.sessions = min(options.sessions, options.mailboxes)
    return options


def benchmark(options, relayed):
    folder = macro.FOLDER / time.strftime("poll-%Y%m%d-%H%M%S")
    users = {f"u{i:04}@bench.test": macro.PASSWORD for i in range(options.mailboxes)}
    server = dovecot.PrivateDovecot(folder / "server", users, connections_per_user=100,
                                    special_use={}, settings=SERVER_SETTINGS)
    make_set.write_set(folder / "server" / "mail", list(users), MESSAGES, macro.NOW, small=True)
    server.adopt_mail()
    results = {}
    with server:
        relay = Relay(server, options.delay) if relayed else None
        ports = relay.ports if relay else [server.imap_port, server.imaps_port]
        for tls in () if options.only_held else (False, True):
            name = "TLS" if tls else "plain text"
            contenders = contenders_for(server, list(users), options, ports, tls)
            measure(contenders, folder / name.replace(" ", "-"), options.runs)
            results[name] = rows_of(contenders, options.mailboxes)
            show(f"{options.mailboxes} mailboxes without news, fresh logins, {name}, "
                 f"{options.delay} ms, median of {options.runs}", results[name])
        results["held_poll"] = held_rows(server, list(users), options, ports, folder / "held")
        if relay:
            relay.stop()
    print(f"everything lies in {folder}; remove it when done")
    return results


def main():
    options = parse()
    load = os.getloadavg()[0]  # What else the machine was doing.
    relayed = False
    if options.delay and IN_NAME_SPACE not in os.environ:
        relayed = not with_netem(options.delay)
        if relayed:
            print("no netem in this kernel: a relay delays", flush=True)
    results = benchmark(options, relayed)
    if options.out:
        how = "relay" if relayed else "netem" if options.delay else "none"
        options.out.write_text(json.dumps({
            "machine": macro.machine(), "load_before": load, "mailboxes": options.mailboxes,
            "messages_per_mailbox": MESSAGES, "connections": options.connections,
            "held_sessions": options.sessions,
            "delay_milliseconds": options.delay, "delayed_by": how, "results": results},
            indent=1) + "\n")
    return 0


if __name__ == "__main__":
    if os.geteuid() != 0 or not shutil.which("mbsync"):
        raise SystemExit("the comparison needs root, dovecot-imapd and isync")
    sys.exit(main())
