#!/usr/bin/env python3
"""Shows mailhaul at work: a private mail server full of mail, collected and served over HTTP.

Everything lies in one folder. Nothing outside it is changed, and nothing listens beyond loopback.
"""

import argparse
import contextlib
import dataclasses
import json
import os
import pathlib
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import config_files
import dovecot
import make_mail
import mail_texts
import program

MARKER = ".mailhaul-demo"  # Only a folder holding this file is ever emptied.
TENANTS = ("acme", "nordlicht", "hikari")
MAILBOXES_PER_TENANT = 8
HTTP_PORT = 8025  # When free, else any.
SHOWN_OCTETS = 700
LARGE_IN = ("acme", 0)  # The mailbox with the 12 MB message.


class DemoFailed(Exception):
    """The message says what did not hold."""


@dataclasses.dataclass
class Plan:
    folder: pathlib.Path
    tenants: list
    counts: dict  # (tenant, mailbox id) -> messages on the server.


def step(text):
    print(f"\n==> {text}", flush=True)


def prepare_folder(folder):
    """Empties a folder of an earlier demo; anything else found there is left alone."""
    if folder.exists() and any(folder.iterdir()):
        if not (folder / MARKER).exists():
            raise DemoFailed(f"{folder} is not empty and not from an earlier demo; name another "
                             "folder: ./dev demo FOLDER")
        link = folder / "server"
        if link.is_symlink():
            shutil.rmtree(link.resolve(), ignore_errors=True)
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARKER).touch()


def server_folder(folder):
    """Run by root, Dovecot reads mail as another user, who cannot enter root's home; the server's
    files then lie below /var/tmp, with a link to them in the demo's folder."""
    server = folder / "server"
    if os.geteuid() != 0 or dovecot.readable_by_others(folder):
        server.mkdir()
        return server
    elsewhere = pathlib.Path(tempfile.mkdtemp(prefix="mailhaul-demo-", dir="/var/tmp"))
    os.chmod(elsewhere, 0o755)
    server.symlink_to(elsewhere)
    return elsewhere


def make_plan(folder):
    tenants = []
    for name in TENANTS:
        boxes = [config_files.Mailbox(id=f"box{number:02d}",
                                      address=f"box{number:02d}@{name}.example",
                                      password=secrets.token_urlsafe(12))
                 for number in range(MAILBOXES_PER_TENANT)]
        tenants.append(config_files.Tenant(name, secrets.token_urlsafe(24), boxes,
                                           weight=2 if name == TENANTS[0] else 1))
    return Plan(folder, tenants, {})


def fill_server(plan, server, messages, now):
    people = [person[0] for person in mail_texts.PEOPLE if person[0]]
    octets = 0
    for tenant in plan.tenants:
        for number, box in enumerate(tenant.mailboxes):
            mails = make_mail.make_mailbox(people[number % len(people)], box.address, messages, now,
                                           large=(tenant.name, number) == LARGE_IN)
            make_mail.write_maildir(server.maildir(box.address), mails)
            plan.counts[tenant.name, box.id] = len(mails)
            octets += sum(len(mail.raw) for mail in mails)
    print(f"{len(plan.counts)} mailboxes of {len(plan.tenants)} tenants, "
          f"{sum(plan.counts.values())} messages, {octets / 1e6:.1f} MB")


def choose_port():
    with contextlib.suppress(OSError), dovecot.socket.socket() as probe:
        probe.bind(("127.0.0.1", HTTP_PORT))
        return HTTP_PORT
    return dovecot.free_ports(1)[0]


def run(binary, *arguments):
    """Runs mailhaul on this terminal, showing the command as one would type it."""
    command = [str(binary), *map(str, arguments)]
    print("$ " + " ".join(command), flush=True)
    code = subprocess.run(command).returncode
    if code != 0:
        raise DemoFailed(f"mailhaul {arguments[0]} ended with exit code {code}")


def collect_again(binary, configuration):
    """The summary of a second run, which must find nothing left to fetch."""
    command = [str(binary), "collect", "-c", str(configuration), "--json"]
    print("$ " + " ".join(command), flush=True)
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    print(done.stdout.strip())
    if done.returncode != 0:
        raise DemoFailed(f"the second collect ended with exit code {done.returncode}")
    try:
        fetched = json.loads(done.stdout)["messages"]["fetched"]
    except (ValueError, KeyError) as error:
        raise DemoFailed(f"collect --json gave no summary: {error!r}") from None
    if fetched != 0:
        raise DemoFailed(f"the second collect fetched {fetched} messages again")


def check_counts(plan, port):
    """Every message of the server must be in the store, mailbox by mailbox."""
    wrong = []
    for tenant in plan.tenants:
        stored = {box["id"]: box["messages"]
                  for box in program.Api(port, tenant.token).all("/v1/mailboxes")}
        for box in tenant.mailboxes:
            expected = plan.counts[tenant.name, box.id]
            if stored.get(box.id) != expected:
                wrong.append(f"{tenant.name}/{box.id}: {stored.get(box.id)} of {expected}")
    if wrong:
        raise DemoFailed("not every message is in the store: " + ", ".join(wrong))
    print(f"All {sum(plan.counts.values())} messages of all {len(plan.counts)} mailboxes are in "
          "the store.")


def examples(plan, port):
    """Shell lines that work as printed."""
    tenant = plan.tenants[0]
    api = program.Api(port, tenant.token)
    newest = api.get("/v1/messages?limit=1")["items"][0]["id"]
    token = plan.folder / "tokens" / tenant.name
    curl = f'curl -sS -H "Authorization: Bearer $(cat {token})"'
    base = f"http://127.0.0.1:{port}"
    return [f"{curl} '{base}/v1/mailboxes?limit=2'",
            f"{curl} '{base}/v1/mailboxes/{tenant.mailboxes[0].id}/folders'",
            f"{curl} '{base}/v1/messages?mailbox={tenant.mailboxes[0].id}&folder=INBOX&limit=1'",
            f"{curl} '{base}/v1/messages/{newest}'",
            f"{curl} '{base}/v1/messages/{newest}/raw'"]


def show_examples(lines):
    for line in lines:
        print(f"\n$ {line}", flush=True)
        done = subprocess.run(["bash", "-c", line.replace("curl -sS", "curl -sS --fail", 1)],
                              stdout=subprocess.PIPE)
        if done.returncode != 0:
            raise DemoFailed(f"this example does not work: {line}")
        text = done.stdout.decode("utf-8", "replace")
        shown = text[:SHOWN_OCTETS].replace("\r\n", "\n").rstrip()
        print(shown + (f"\n  ... ({len(done.stdout)} octets in all)" if shown != text else ""))


def wait_for_the_user(server, lines):
    print("\nmailhaul goes on collecting and serving. Try these in another terminal:\n")
    print("\n".join(lines))
    print("\nPress Ctrl-C to stop.", flush=True)
    code = server.process.wait()
    raise DemoFailed(f"mailhaul serve ended by itself with exit code {code}")


def demonstrate(arguments, stack):
    folder = arguments.folder.resolve()
    prepare_folder(folder)
    step(f"Mail for the demo, in {folder}")
    plan = make_plan(folder)
    users = {box.address: box.password for tenant in plan.tenants for box in tenant.mailboxes}
    server = dovecot.PrivateDovecot(server_folder(folder), users)
    fill_server(plan, server, arguments.messages, int(time.time()) // 3600 * 3600)

    step("A private Dovecot on loopback")
    stack.enter_context(server)
    print(f"IMAP over TLS on localhost:{server.imaps_port}")
    for tenant in plan.tenants:
        for box in tenant.mailboxes:
            box.port = server.imaps_port
    port = choose_port()
    main = config_files.main_yaml(http_port=port, ca_file="server/tls/ca.pem")
    configuration = config_files.write_configuration(folder, main, plan.tenants)
    print(f"Configuration: {configuration} and tenants/*.yaml beside it")

    step("Check the configuration")
    run(arguments.binary, "check", "-c", configuration)
    step("Collect everything")
    run(arguments.binary, "collect", "-c", configuration)
    step("Collect again: nothing new, nothing fetched")
    collect_again(arguments.binary, configuration)

    step("Serve")
    mailhaul = program.Server(arguments.binary, configuration, port, folder / "serve.log")
    stack.enter_context(mailhaul)
    print(f"http://127.0.0.1:{port}, log in {mailhaul.log}")
    check_counts(plan, port)
    lines = examples(plan, port)
    show_examples(lines)
    if not arguments.once and sys.stdin.isatty() and sys.stdout.isatty():
        wait_for_the_user(mailhaul, lines)
    code = mailhaul.stop()
    if code not in (0, 4):
        raise DemoFailed(f"mailhaul serve ended with exit code {code} after SIGTERM")


def interrupt(*_):
    raise KeyboardInterrupt


def main():
    parser = argparse.ArgumentParser(prog="./dev demo", description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=pathlib.Path, default=pathlib.Path("demo-out"))
    parser.add_argument("--once", action="store_true", help="stop after showing, ask nothing")
    parser.add_argument("--messages", type=int, default=150, help="per mailbox (default 150)")
    parser.add_argument("--binary", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, interrupt)
    try:
        with contextlib.ExitStack() as stack:
            demonstrate(arguments, stack)
    except KeyboardInterrupt:
        print("\nStopped.")
    except (DemoFailed, dovecot.DovecotError, program.ProgramError) as error:
        print(f"\ndemo: {error}", file=sys.stderr)
        return 1
    print(f"\nServers are stopped. Everything lies in {arguments.folder.resolve()}: mail and "
          "server log in server/, configuration, tokens, and mailhaul's data in data/.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
