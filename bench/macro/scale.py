#!/usr/bin/env python3
"""Scale benchmark: thousands of mailboxes of hundreds of tenants on one private Dovecot.

    bench/macro/scale.py [--tenants 200] [--mailboxes 50] [--out results/NAME.json]

Measured: the time from the start of `mailhaul serve` with an empty store to the first login, the
first message and the first complete check of every mailbox, and with a full store to the login
for a mailbox that somebody looks at; memory per mailbox at rest, beside a server with one mailbox;
and what the others notice when one tenant's file changes: of every other tenant a mailbox is
active, its session held open, and the server's log counts those that end before the changed
tenant's new mailbox has logged in.
"""

import argparse
import contextlib
import json
import os
import pathlib
import re
import sys
import time

import macro
from macro import config_files, dovecot, make_set

import program  # From tools/demo; macro has put it into the path.

CONNECTIONS_SPARE = 100
WAIT_SECONDS_MAX = 600
SERVER_SETTINGS = """auth_cache_size = 16M
mail_log_prefix = "%s(%u): "
service imap {
  process_limit = 2000
  service_count = 1000
}
service imap-login {
  process_limit = 2000
}
"""


def await_that(what, condition, pause=0.05):
    """Returns the first true answer of `condition`."""
    end = time.monotonic() + WAIT_SECONDS_MAX
    while time.monotonic() < end:
        answer = condition()
        if answer:
            return answer
        time.sleep(pause)
    raise SystemExit(f"waited in vain: {what}")


class Log:
    """What a server logs from now on."""

    def __init__(self, path):
        self.path = path
        self.skip = path.stat().st_size if path.exists() else 0

    def text(self):
        with open(self.path, "rb") as file:
            file.seek(self.skip)
            return file.read().decode(errors="replace")


class Bench:
    def __init__(self, folder, server, options):
        self.folder, self.server, self.options = folder, server, options
        self.port = dovecot.free_ports(1)[0]
        self.log = server.folder / "dovecot.log"

    def tenant(self, number, mailboxes):
        boxes = [config_files.Mailbox(id=f"m{i:02}", address=address_of(number, i),
                                      password=macro.PASSWORD, host="127.0.0.1",
                                      port=self.server.imap_port, security="plaintext")
                 for i in range(mailboxes)]
        return config_files.Tenant(f"t{number:03}", f"token-{number}", boxes)

    def configure(self, name, tenants, mailboxes):
        folder = self.folder / name
        main = config_files.main_yaml(
            http_port=self.port, ca_file=self.server.ca_file, host="127.0.0.1",
            connections=self.options.tenants + CONNECTIONS_SPARE)
        main = main.replace("logins_per_second: 100", f"logins_per_second: {macro.LOGINS_MAX}")
        return config_files.write_configuration(
            folder, main, [self.tenant(number, mailboxes) for number in range(tenants)])

    def serve(self, configuration):
        return program.Server(self.options.build / "mailhaul", configuration, self.port,
                              configuration.parent / "serve.log")

    def counted(self, name):
        """The sum of a metric over its labels."""
        with program.Api(self.port, None).open("/metrics") as response:
            text = response.read().decode()
        return sum(float(value) for value in re.findall(rf"^{name}(?:{{.*}})? (\S+)$", text, re.M))

    @contextlib.contextmanager
    def running(self, configuration, tenants=0):
        """A server that is up, and its times: with `tenants` until all they have is collected."""
        log, begun = Log(self.log), time.monotonic()
        with self.serve(configuration) as server:
            times = {"answers": time.monotonic() - begun}
            if not tenants:
                # The others are as fresh as promised: a restart is no reason to ask for them.
                program.Api(self.port, "token-0").get("/v1/mailboxes/m00")
            await_that("a login", lambda: "Login: user=" in log.text(), 0.01)
            times["first_login"] = time.monotonic() - begun
            if tenants:
                api = program.Api(self.port, "token-0")
                await_that("a message", lambda: api.get("/v1/messages?limit=1")["items"], 0.02)
                times["first_message"] = time.monotonic() - begun
            for number in range(tenants):
                api = program.Api(self.port, f"token-{number}")
                await_that("complete checks", lambda api=api: all(
                    box["last_complete_at"] for box in api.all("/v1/mailboxes?limit=500")), 0.2)
                times["all_complete"] = time.monotonic() - begun
            print(", ".join(f"{name} {value:.2f} s" for name, value in times.items()), flush=True)
            yield server, {name: round(value, 3) for name, value in times.items()}

    def hold(self):
        """Makes a mailbox of every tenant active; returns their users once they idle."""
        for number in range(self.options.tenants):
            api = program.Api(self.port, f"token-{number}")
            api.get("/v1/mailboxes/m00")
        users = [address_of(number, 0) for number in range(self.options.tenants)]
        await_that("held sessions", lambda: self.counted("mailhaul_pool_connections") >=
                   self.options.tenants, 0.2)
        return users

    def reload(self, configuration):
        """Tenant 0 gets a mailbox more; what becomes of the sessions of all others."""
        held = set(self.hold()[1:])
        log, begun = Log(self.log), time.monotonic()
        tenant = self.tenant(0, self.options.mailboxes + 1)
        config_files.write_private(
            configuration.parent / "secrets" / f"t000-{tenant.mailboxes[-1].id}",
            macro.PASSWORD + "\n")
        path = configuration.parent / "tenants" / "t000.yaml"
        written = path.with_suffix(".new")
        written.write_text(config_files.tenant_yaml(tenant))
        written.rename(path)
        newcomer = tenant.mailboxes[-1].address
        await_that("the new mailbox", lambda: f"Login: user=<{newcomer}>" in log.text(), 0.02)
        seconds = time.monotonic() - begun
        ended = {user for user in re.findall(r"imap\((\S+?)\): .*?(?:Disconnected|Logged out|"
                                             r"Connection closed)", log.text()) if user in held}
        print(f"{seconds:.2f} s from the change to the new mailbox's login; "
              f"{len(ended)} of {len(held)} held sessions of others ended", flush=True)
        return {"seconds_to_login": round(seconds, 3), "held": len(held), "ended": len(ended)}


def address_of(tenant, mailbox):
    return f"t{tenant:03}m{mailbox:02}@bench.test"


def resident_bytes(server):
    status = pathlib.Path(f"/proc/{server.process.pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024


def benchmark(options, folder):
    users = {address_of(tenant, mailbox): macro.PASSWORD for tenant in range(options.tenants)
             for mailbox in range(options.mailboxes + (tenant == 0))}
    server = dovecot.PrivateDovecot(folder / "server", users, connections_per_user=20,
                                    special_use={}, settings=SERVER_SETTINGS)
    print(f"writing {len(users)} mailboxes ...", flush=True)
    make_set.write_set(folder / "server" / "mail", list(users), 1, macro.NOW, small=True)
    server.adopt_mail()
    count = options.tenants * options.mailboxes
    results = {"tenants": options.tenants, "mailboxes": count}
    with server:
        bench = Bench(folder, server, options)
        with bench.running(bench.configure("one", 1, 1), 1) as (running, _):
            alone = resident_bytes(running)
        configuration = bench.configure("all", options.tenants, options.mailboxes)
        with bench.running(configuration, options.tenants) as (running, times):
            results["cold_start"], at_rest = times, resident_bytes(running)
            results["bytes_per_mailbox"] = round((at_rest - alone) / (count - 1))
            print(f"memory: {at_rest >> 20} MiB, {alone >> 20} MiB with one mailbox: "
                  f"{results['bytes_per_mailbox']} bytes a mailbox", flush=True)
            results["resident_bytes"], results["resident_bytes_of_one"] = at_rest, alone
            results["reload"] = bench.reload(configuration)
        with bench.running(configuration) as (_, results["start_with_store"]):
            pass
    print(f"everything lies in {folder}; remove it when done")
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tenants", type=int, default=200)
    parser.add_argument("--mailboxes", type=int, default=50, help="of each tenant")
    parser.add_argument("--build", type=pathlib.Path, default=macro.ROOT / "build" / "release")
    parser.add_argument("--out", type=pathlib.Path)
    options = parser.parse_args()
    load_before = os.getloadavg()[0]
    results = benchmark(options, macro.FOLDER / time.strftime("scale-%Y%m%d-%H%M%S"))
    if options.out:
        options.out.write_text(json.dumps({"machine": macro.machine(), "load_before": load_before,
                                           **results}, indent=1) + "\n")
    return 1 if results["reload"]["ended"] else 0


if __name__ == "__main__":
    if os.geteuid() != 0:
        raise SystemExit("the benchmark needs root, for Dovecot's many processes")
    sys.exit(main())
