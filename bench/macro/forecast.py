#!/usr/bin/env python3
"""Forecast benchmark: what `mailhaul plan` says of a configuration beside what `mailhaul serve`
then does with it, against a private Dovecot.

    bench/macro/forecast.py [--mailboxes 150] [--freshness 8] [--out results/NAME.json]

Two pools, each at a load that holds and at one that does not: one is limited by logins per second,
the other by connections to a server behind a relay that delays. Limits rule in both, so what else
the machine does matters little. How long a check holds a connection `plan` reads in the store,
where the run of `serve` before left it. Every run lasts until the mailboxes have been quiet for so
long that their checks leave early; only then anything counts.

Measured: the time between two complete checks of a mailbox, from last_complete_at of GET
/v1/mailboxes; its lag is what goes beyond the freshness. The goal is a p99 lag within a factor of
1.5, or none in both.
"""

import argparse
import datetime
import json
import math
import os
import pathlib
import subprocess
import sys
import time

import macro
from macro import config_files, dovecot, make_set
from poll import SERVER_SETTINGS, Relay

import program  # From tools/demo; macro has put it into the path.

FACTOR_GOAL = 1.5
LAG_SECONDS_MIN = 0.2  # Less is none.
DELAY_MILLISECONDS = 100
WIDE = {"connections": 200, "logins": macro.LOGINS_MAX}
COLLECT_CONNECTIONS = 8
# The first one looks at everything, ten find nothing (kQuietToLeave in engine/app/source_memory.h).
CHECKS_WARM_UP = 12
CYCLES_MEASURED, CYCLES_CALIBRATING = 4, 2
ASK_EVERY_SECONDS = 1
LOADS = (0.7, 1.5)


class Setup:
    """The mailboxes of one server under limits that change from run to run."""

    def __init__(self, folder, server, port, options):
        self.folder, self.server, self.port = folder, server, port
        self.options = options
        self.users = list(server.users)
        self.http_port = dovecot.free_ports(1)[0]
        self.binary = options.build / "mailhaul"

    def configure(self, connections, logins):
        boxes = [config_files.Mailbox(id=f"m{i}", address=user, password=macro.PASSWORD,
                                      host="127.0.0.1", port=self.port, security="plaintext")
                 for i, user in enumerate(self.users)]
        freshness = f"{self.options.freshness}s"
        tenant = config_files.Tenant("bench", "bench", boxes, freshness=(freshness,) * 3)
        main = config_files.main_yaml(
            http_port=self.http_port, ca_file=self.server.ca_file, host="127.0.0.1",
            connections=connections, data_dir=self.folder / "data")
        main = main.replace("logins_per_second: 100", f"logins_per_second: {logins}")
        return config_files.write_configuration(self.folder, main, [tenant])

    def collect(self):
        configuration = self.configure(COLLECT_CONNECTIONS, macro.LOGINS_MAX)
        subprocess.run([str(self.binary), "collect", "-c", str(configuration)], check=True,
                       stdout=subprocess.DEVNULL)

    def calibrate(self, limits_for):
        """Fills the store: with mail, a first idea of the check time, and then the steady one."""
        self.collect()
        self.collect()
        limits = limits_for(self, LOADS[0], self.check_seconds())
        self.serve(self.configure(**limits), self.options.freshness * CYCLES_CALIBRATING)

    def check_seconds(self):
        """As `plan` would use it now."""
        (pool,) = self.plan(self.configure(**WIDE))["pools"]
        if pool["check_source"] != "measured":
            raise SystemExit("the runs before left no check time in the store")
        return pool["check_seconds"]

    def plan(self, configuration):
        done = subprocess.run(
            [str(self.binary), "plan", "--json", "-c", str(configuration), "--active-share", "0",
             "--messages-per-day", "0"], capture_output=True, text=True, check=False)
        if done.returncode not in (0, 1):
            raise SystemExit(f"plan failed: {done.stderr}")
        return json.loads(done.stdout)

    def serve(self, configuration, seconds):
        """The times between complete checks in the steady state, sorted."""
        log = self.folder / "serve.log"
        with program.Server(self.binary, configuration, self.http_port, log):
            watch = CheckWatch(self.api())
            while watch.checks_min() < CHECKS_WARM_UP:
                watch.look()
            watch.ages.clear()
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                watch.look()
            return sorted(watch.ages)

    def api(self):
        return program.Api(self.http_port, "bench")


class CheckWatch:
    """Complete checks of all mailboxes, as GET /v1/mailboxes tells of them."""

    def __init__(self, api):
        self.api = api
        self.last, self.checks = {}, {}
        self.ages = []

    def look(self):
        for item in self.api.all("/v1/mailboxes?limit=1000"):
            if item["last_complete_at"]:
                self.see(item["id"], datetime.datetime.fromisoformat(item["last_complete_at"]))
        time.sleep(ASK_EVERY_SECONDS)

    def see(self, mailbox, complete):
        before = self.last.setdefault(mailbox, complete)
        self.checks.setdefault(mailbox, 0)
        if complete > before:
            self.ages.append((complete - before).total_seconds())
            self.last[mailbox] = complete
            self.checks[mailbox] += 1

    def checks_min(self):
        return min(self.checks.values(), default=0)


def percentile(values, share):
    return values[max(math.ceil(share * len(values)), 1) - 1]


def within_factor(one, other):
    if max(one, other) < LAG_SECONDS_MIN:
        return True
    return min(one, other) > 0 and max(one, other) / min(one, other) <= FACTOR_GOAL


def compare(setup, name, load, limits_for):
    limits = limits_for(setup, load, setup.check_seconds())
    configuration = setup.configure(**limits)
    plan = setup.plan(configuration)
    (group,), (pool,) = plan["groups"], plan["pools"]
    freshness = setup.options.freshness
    ages = setup.serve(configuration, freshness * max(load, 1) * CYCLES_MEASURED)
    lag = {share: max(0, percentile(ages, share) - freshness) for share in (0.5, 0.99)}
    row = {
        "pool": name, **limits, "load": max(pool["load"].values()),
        "check_seconds_forecast": pool["check_seconds"],
        "check_seconds_measured": setup.check_seconds(), "checks_measured": len(ages),
        "lag_p50_forecast": group["lag_seconds"]["p50"], "lag_p50_measured": round(lag[0.5], 2),
        "lag_p99_forecast": group["lag_seconds"]["p99"], "lag_p99_measured": round(lag[0.99], 2),
        "age_p99_forecast": group["age_p99_seconds"],
        "age_p99_measured": round(percentile(ages, 0.99), 2)}
    row["within_factor"] = within_factor(row["lag_p99_forecast"], row["lag_p99_measured"])
    show(row)
    return row


COLUMNS = {"load": "load", "checks": "checks_measured", "check said": "check_seconds_forecast",
           "check was": "check_seconds_measured",
           "p50 said": "lag_p50_forecast", "p50 was": "lag_p50_measured",
           "p99 said": "lag_p99_forecast", "p99 was": "lag_p99_measured",
           "age said": "age_p99_forecast", "age was": "age_p99_measured"}


def show(row):
    numbers = " ".join(f"{row[key]:10.2f}" for key in COLUMNS.values())
    print(f"{row['pool']:24} {numbers}  {'yes' if row['within_factor'] else 'NO'}", flush=True)


def limited_by_logins(setup, load, _):
    logins = round(len(setup.users) / setup.options.freshness / load)
    return {**WIDE, "logins": logins}


def limited_by_connections(setup, load, check_seconds):
    connections = round(len(setup.users) * check_seconds / setup.options.freshness / load)
    return {**WIDE, "connections": max(connections, 1)}


def run_pool(setup, name, limits_for):
    setup.calibrate(limits_for)
    return [compare(setup, name, load, limits_for) for load in LOADS]


def benchmark(options, folder):
    users = {f"u{i:04}@bench.test": macro.PASSWORD for i in range(options.mailboxes)}
    server = dovecot.PrivateDovecot(folder / "server", users, connections_per_user=100,
                                    settings=SERVER_SETTINGS)
    make_set.write_set(folder / "server" / "mail", list(users), 3, macro.NOW, small=True)
    server.adopt_mail()
    print(f"{options.mailboxes} mailboxes, freshness {options.freshness} s; seconds of lag, and of "
          f"age at the next check (p99)\n{'limited by':24} "
          + " ".join(f"{title:>10}" for title in COLUMNS) + "  within 1.5", flush=True)
    with server:
        rows = []
        if options.only != "connections":
            near = Setup(folder / "logins", server, server.imap_port, options)
            rows += run_pool(near, "logins per second", limited_by_logins)
        if options.only != "logins":
            relay = Relay(server, DELAY_MILLISECONDS)
            far = Setup(folder / "connections", server, relay.ports[0], options)
            rows += run_pool(far, f"connections, {DELAY_MILLISECONDS} ms away",
                             limited_by_connections)
            relay.stop()
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mailboxes", type=int, default=150)
    parser.add_argument("--freshness", type=int, default=8, help="seconds")
    parser.add_argument("--only", choices=("logins", "connections"))
    parser.add_argument("--build", type=pathlib.Path, default=macro.ROOT / "build" / "release")
    parser.add_argument("--out", type=pathlib.Path)
    options = parser.parse_args()
    load_before = os.getloadavg()[0]
    folder = macro.FOLDER / time.strftime("forecast-%Y%m%d-%H%M%S")
    rows = benchmark(options, folder)
    print(f"everything lies in {folder}; remove it when done")
    if options.out:
        options.out.write_text(json.dumps({
            "machine": macro.machine(), "load_before": load_before,
            "mailboxes": options.mailboxes, "freshness_seconds": options.freshness,
            "results": rows}, indent=1) + "\n")
    return 0 if all(row["within_factor"] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
