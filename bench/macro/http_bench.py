#!/usr/bin/env python3
"""HTTP benchmark: lists, messages and raw messages from `mailhaul serve`, side by side in one run
with nginx serving the very same bytes as static files, at rest and while mail arrives; and what
slow clients do to the others.

    bench/macro/http_bench.py [--mailboxes 20] [--messages 500] [--stored 0] [--seconds 3]
                        [--slow 1000] [--only nginx|slow] [--out results/NAME.json]

With --stored 1000000 so many small messages lie in the store beside them, in as many mailboxes
again, whose server is down: lists are of these, and the newest messages are the others.

wrk asks, at 1, 16 and 256 connections. The goals: at least a third of nginx's rate for raw, p99
while mail arrives within 3 times of at rest, and p99 of the others within 2 times beside slow
clients. Of these a third is connected and silent, a third sends a head byte by byte, and a third
asks for a large message and hardly reads; those that the server closes come back. What it costs
until all large messages are on their way is given beside it, in seconds.
"""

import argparse
import asyncio
import contextlib
import http.client
import json
import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import sys
import threading
import time

import macro
from macro import config_files, dovecot, make_set

import program  # From tools/demo; macro has put it into the path.

HERE = pathlib.Path(__file__).resolve().parent
CONNECTIONS = (1, 16, 256)
PATHS_MAX = 300
ARRIVALS_PER_SECOND = 50
SLOW_ROUNDS = 3
SETTLE_SECONDS_MAX, PROBES_QUICK, PROBE_SECONDS = 120, 20, 0.1
SLOW_CONNECTIONS = 16
TOKEN = "bench"
LARGE_BYTES = 8 << 20
STORED_BODY_BYTES = 1000
INDEX_SECONDS_MAX = 1800
RAW_GOAL, INGEST_GOAL, SLOW_GOAL = 1 / 3, 3, 2


class Nginx:
    """Serves `folder`, with as many workers as there are cores."""

    def __init__(self, folder):
        self.folder, self.port = folder, dovecot.free_ports(1)[0]

    def __enter__(self):
        (self.folder / "nginx.conf").write_text(f"""daemon off;
pid {self.folder}/nginx.pid;
error_log {self.folder}/error.log;
worker_processes auto;
user root;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  sendfile on;
  keepalive_requests 1000000;
  default_type application/json;
  server {{ listen 127.0.0.1:{self.port} backlog=1024; root {self.folder}/files; }}
}}
""")
        self.process = subprocess.Popen(
            ["nginx", "-p", str(self.folder), "-c", str(self.folder / "nginx.conf")],
            stderr=subprocess.DEVNULL, preexec_fn=dovecot.die_with_parent)
        end = time.monotonic() + 10
        while time.monotonic() < end:
            with contextlib.suppress(OSError):
                program.Api(self.port, None).status_of("/")
                return self
        raise SystemExit("nginx does not answer")

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


class Arrivals:
    """Mail that arrives at the source, as long as this is entered."""

    def __init__(self, server, user):
        self.server, self.user, self.stop = server, user, threading.Event()

    def __enter__(self):
        self.stop.clear()
        self.thread = threading.Thread(target=self.deliver, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()

    def deliver(self):
        import imaplib
        connection = imaplib.IMAP4("127.0.0.1", self.server.imap_port)
        connection.login(self.user, macro.PASSWORD)
        body = b"From: a@b.example\r\nSubject: arrival\r\n\r\n" + (b"x" * 76 + b"\r\n") * 50
        while not self.stop.wait(1 / ARRIVALS_PER_SECOND):
            connection.append("INBOX", None, None, body)
        connection.logout()


class Slow:
    """`count` slow clients, as long as this is entered."""

    def __init__(self, port, count, path):
        self.port, self.count, self.path = port, count, path

    def __enter__(self):
        self.loop = asyncio.new_event_loop()
        self.connected = 0
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()
        end = time.monotonic() + 30
        while self.connected < self.count and time.monotonic() < end:
            time.sleep(0.05)
        if self.connected < self.count:
            raise SystemExit(f"only {self.connected} slow clients are connected")
        self.settle_seconds = self.settle()
        return self

    def settle(self):
        """The server checks a large message before it sends any of it, and the system takes the
        first megabytes at once: until that is over for all, it is not slowness that is measured."""
        begun, quick = time.monotonic(), 0
        while quick < PROBES_QUICK and time.monotonic() < begun + SETTLE_SECONDS_MAX:
            asked = time.monotonic()
            program.Api(self.port, TOKEN).status_of("/v1/messages?limit=1")
            quick = quick + 1 if time.monotonic() - asked < PROBE_SECONDS else 0
        return round(time.monotonic() - begun, 1)

    def __exit__(self, *_):
        self.loop.call_soon_threadsafe(self.tasks.cancel)
        self.thread.join()

    def run(self):
        asyncio.set_event_loop(self.loop)
        self.tasks = asyncio.gather(*(self.client(number) for number in range(self.count)))
        with contextlib.suppress(asyncio.CancelledError):
            self.loop.run_until_complete(self.tasks)
        self.loop.close()

    async def client(self, number):
        while True:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await self.once(number % 3)
            self.connected -= 1
            await asyncio.sleep(0.1)

    async def once(self, kind):
        peer = socket.socket()
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)  # Who reads slowly has no room.
        peer.setblocking(False)
        await self.loop.sock_connect(peer, ("127.0.0.1", self.port))
        reader, writer = await asyncio.open_connection(sock=peer, limit=4096)
        self.connected += 1
        head = (f"GET {self.path} HTTP/1.1\r\nHost: a\r\n"
                f"Authorization: Bearer {TOKEN}\r\n\r\n").encode()
        try:
            if kind == 1:
                for byte in head:
                    writer.write(bytes([byte]))
                    await writer.drain()
                    await asyncio.sleep(1)
            elif kind == 2:
                writer.write(head)
                while await reader.read(1024):
                    await asyncio.sleep(1)
            await reader.read()
        finally:
            writer.close()


def wrk(port, paths, connections, seconds, token=None):
    done = subprocess.run(
        ["wrk", "-t", "1", "-c", str(connections), "-d", f"{seconds}s", "--timeout", "10s", "-s",
         str(HERE / "http_bench.lua"), f"http://127.0.0.1:{port}", "--", str(paths),
         *([token] if token else [])], capture_output=True, text=True, check=True)
    result = json.loads(done.stdout.split("RESULT ")[1])
    if result["failed"] or not result["requests"]:
        raise SystemExit(f"{result['failed']} of {result['requests']} requests failed: "
                         f"{done.stdout}")
    return {"requests_per_second": round(result["requests"] / result["seconds"]),
            "megabytes_per_second": round(result["bytes"] / result["seconds"] / 1e6, 1),
            "p50_us": result["p50_us"], "p99_us": result["p99_us"]}


class Bench:
    def __init__(self, folder, server, options):
        self.folder, self.server, self.options = folder, server, options
        self.port = dovecot.free_ports(1)[0]
        self.kinds = {}

    def configure(self, old=()):
        """`old`: mailboxes that are there, and whose server is not."""
        boxes = [config_files.Mailbox(id=f"m{i}", address=user, password=macro.PASSWORD,
                                      host="127.0.0.1", port=self.server.imap_port,
                                      security="plaintext")
                 for i, user in enumerate(self.server.users)]
        closed = dovecot.free_ports(1)[0]
        boxes += [config_files.Mailbox(id=name, address=f"{name}@bench.test",
                                       password=macro.PASSWORD, host="127.0.0.1", port=closed,
                                       security="plaintext") for name in old]
        self.lists = list(old) or [f"m{i}" for i in range(len(self.server.users))]
        tenant = config_files.Tenant("bench", TOKEN, boxes, window="all",
                                     freshness=("1s", "1s", "1s"))
        main = config_files.main_yaml(http_port=self.port, ca_file=self.server.ca_file,
                                      host="127.0.0.1", data_dir=self.folder / "data")
        main = main.replace("logins_per_second: 100", f"logins_per_second: {macro.LOGINS_MAX}")
        return config_files.write_configuration(
            self.folder, main.replace("http:\n", "http:\n  per_token_per_second: 0\n"), [tenant])

    def fetch(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        connection.request("GET", path, headers={"Authorization": f"Bearer {TOKEN}"})
        answer = connection.getresponse().read()
        connection.close()
        return answer

    def fill(self):
        """Puts the small messages into the store; the configuration then names their mailboxes."""
        count = self.options.mailboxes
        names = [f"old{i}" for i in range(count)]
        for name in names:
            subprocess.run([str(self.options.build / "bench" / "fill_store"),
                            str(self.folder / "data"), "bench", name,
                            str(self.options.stored // count), str(STORED_BODY_BYTES)], check=True)
        return self.configure(names)

    def wait_for_index(self):
        """Until full text has caught up: it is to disturb nothing that is measured."""
        end = time.monotonic() + INDEX_SECONDS_MAX
        while 'mailhaul_text_building{tenant="bench"} 0' not in self.fetch("/metrics").decode():
            if time.monotonic() > end:
                raise SystemExit("the full text index does not catch up")
            time.sleep(1)

    def prepare(self):
        """The paths of each kind, and their bytes as files for nginx."""
        api = program.Api(self.port, TOKEN)
        ids = [item["id"] for item in api.get(f"/v1/messages?limit={PATHS_MAX}")["items"]]
        wanted = {
            "list": [f"/v1/messages?mailbox={name}&limit=50" for name in self.lists],
            "get": [f"/v1/messages/{one}" for one in ids],
            "raw": [f"/v1/messages/{one}/raw" for one in ids]}
        for kind, paths in wanted.items():
            files = self.folder / "files" / kind
            files.mkdir(parents=True)
            total = 0
            for number, path in enumerate(paths):
                content = self.fetch(path)
                total += len(content)
                (files / str(number)).write_bytes(content)
            ours, theirs = self.folder / f"{kind}.ours", self.folder / f"{kind}.theirs"
            ours.write_text("".join(path + "\n" for path in paths))
            theirs.write_text("".join(f"/{kind}/{number}\n" for number in range(len(paths))))
            self.kinds[kind] = (ours, theirs, round(total / len(paths)))

    def beside_nginx(self):
        rows = []
        arrivals = Arrivals(self.server, next(iter(self.server.users)))
        for kind, (ours, theirs, mean) in self.kinds.items():
            for connections in CONNECTIONS:
                seconds = self.options.seconds
                with Nginx(self.folder) as nginx:
                    files = wrk(nginx.port, theirs, connections, seconds)
                rest = wrk(self.port, ours, connections, seconds, TOKEN)
                with arrivals:
                    ingest = wrk(self.port, ours, connections, seconds, TOKEN)
                rows.append({
                    "kind": kind, "mean_bytes": mean, "connections": connections, "nginx": files,
                    "at_rest": rest, "while_mail_arrives": ingest,
                    "share_of_nginx": round(rest["requests_per_second"] /
                                            files["requests_per_second"], 3),
                    "p99_ingest_ratio": round(ingest["p99_us"] / rest["p99_us"], 2)})
                print(f"{kind:5} {connections:4} connections: nginx "
                      f"{files['requests_per_second']:7}/s, at rest "
                      f"{rest['requests_per_second']:6}/s p99 {rest['p99_us']} us, mail arriving "
                      f"{ingest['requests_per_second']:6}/s p99 {ingest['p99_us']} us; "
                      f"{rows[-1]['share_of_nginx']:.2f} of nginx, "
                      f"p99 x {rows[-1]['p99_ingest_ratio']:.2f}", flush=True)
        return rows

    def beside_slow(self, large):
        ours = self.kinds["get"][0]
        runs, settled = {"alone": [], "beside_slow": []}, []
        for _ in range(SLOW_ROUNDS):
            runs["alone"].append(wrk(self.port, ours, SLOW_CONNECTIONS, self.options.seconds,
                                     TOKEN))
            with Slow(self.port, self.options.slow, f"/v1/messages/{large}/raw") as slow:
                settled.append(slow.settle_seconds)
                runs["beside_slow"].append(wrk(self.port, ours, SLOW_CONNECTIONS,
                                               self.options.seconds, TOKEN))
        p99 = {name: statistics.median(run["p99_us"] for run in each)
               for name, each in runs.items()}
        row = {"slow_connections": self.options.slow, "connections": SLOW_CONNECTIONS,
               **{f"p99_us_{name}": value for name, value in p99.items()},
               "seconds_to_settle": settled,
               "p99_ratio": round(p99["beside_slow"] / p99["alone"], 2), "runs": runs}
        print(f"{self.options.slow} slow clients: p99 of the others {p99['alone']} us alone, "
              f"{p99['beside_slow']} us beside them: x {row['p99_ratio']:.2f}, "
              f"after {settled} s", flush=True)
        return row


def benchmark(options, folder):
    users = {f"u{i:04}@bench.test": macro.PASSWORD for i in range(options.mailboxes)}
    server = dovecot.PrivateDovecot(folder / "server", users, connections_per_user=100)
    print(f"writing {options.mailboxes} x {options.messages} messages ...", flush=True)
    make_set.write_set(folder / "server" / "mail", list(users), options.messages, macro.NOW)
    server.adopt_mail()
    results = {}
    with server:
        bench = Bench(folder, server, options)
        configuration = bench.configure()
        large = b"Subject: large\r\n\r\n" + (b"y" * 76 + b"\r\n") * (LARGE_BYTES // 78)
        import imaplib
        connection = imaplib.IMAP4("127.0.0.1", server.imap_port)
        connection.login(next(iter(users)), macro.PASSWORD)
        connection.append("INBOX", None, '"01-Jan-2020 00:00:00 +0000"', large)
        connection.logout()
        binary = options.build / "mailhaul"
        subprocess.run([str(binary), "collect", "-c", str(configuration)], check=True,
                       stdout=subprocess.DEVNULL)
        if options.stored:
            configuration = bench.fill()
        with program.Server(binary, configuration, bench.port, folder / "serve.log"):
            bench.wait_for_index()
            bench.prepare()
            api = program.Api(bench.port, TOKEN)
            results["messages"] = sum(box["messages"] for box in api.all("/v1/mailboxes"))
            found = api.get("/v1/messages?mailbox=m0&subject=large&limit=1")["items"]
            if options.only != "slow":
                results["beside_nginx"] = bench.beside_nginx()
            if options.only != "nginx":
                results["beside_slow_clients"] = bench.beside_slow(found[0]["id"])
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mailboxes", type=int, default=20)
    parser.add_argument("--messages", type=int, default=500)
    parser.add_argument("--stored", type=int, default=0)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--slow", type=int, default=1000)
    parser.add_argument("--only", choices=("nginx", "slow"))
    parser.add_argument("--build", type=pathlib.Path, default=macro.ROOT / "build" / "release")
    parser.add_argument("--out", type=pathlib.Path)
    options = parser.parse_args()
    load_before = os.getloadavg()[0]
    folder = macro.FOLDER / time.strftime("http-%Y%m%d-%H%M%S")
    results = benchmark(options, folder)
    print(f"everything lies in {folder}; remove it when done")
    if options.out:
        options.out.write_text(json.dumps({"machine": macro.machine(), "load_before": load_before,
                                           "seconds": options.seconds, **results},
                                          indent=1) + "\n")
    rows, slow = results.get("beside_nginx", []), results.get("beside_slow_clients")
    raw_held = all(row["share_of_nginx"] >= RAW_GOAL for row in rows if row["kind"] == "raw")
    ingest_held = all(row["p99_ingest_ratio"] <= INGEST_GOAL for row in rows)
    return 0 if raw_held and ingest_held and (not slow or slow["p99_ratio"] <= SLOW_GOAL) else 1


if __name__ == "__main__":
    if os.geteuid() != 0 or not shutil.which("wrk") or not shutil.which("nginx"):
        raise SystemExit("the comparison needs root, wrk and nginx")
    sys.exit(main())
