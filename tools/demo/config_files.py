"""Writes mailhaul's configuration files, as a person would: one main file, one per tenant."""

import dataclasses
import hashlib
import json
import os
import pathlib


@dataclasses.dataclass
class Mailbox:
    id: str
    address: str
    password: str
    host: str = "localhost"
    port: int = 993
    security: str = "tls"  # Or "starttls".
    protocol: str = "imap"  # Or "pop3".
    oauth2: dict = None  # Instead of the password: token_url, client_id, client_secret, ...


@dataclasses.dataclass
class Tenant:
    name: str
    token: str
    mailboxes: list
    weight: int = 1
    window: str = "30d"
    backfill: bool = True
    freshness: tuple = ("30s", "5m", "1h")  # Active, normal, dormant.
    deletions: str = "keep"  # Or "mirror".


def write_private(path, text):
    """Passwords and tokens are readable by their owner only, from the first byte on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


def main_yaml(*, http_port, ca_file, host="localhost", connections=8, data_dir="./data",
              memory_budget="256MiB", compress=False, egress=None,
              master_key=None):
    """`egress`: addresses to connect from, each for as many connections as the host's limit."""
    addresses = "".join(f"\n  - {{address: {address}, connections: {connections}}}"
                        for address in egress or [])
    return f"""data_dir: {json.dumps(str(data_dir))}
threads: auto
memory_budget: {memory_budget}
{f"master_key: {{file: {json.dumps(str(master_key))}}}" if master_key else "# master_key: none"}
http:
  listen: 127.0.0.1:{http_port}
{f"egress:{addresses}" if egress else "# egress: the system's choice of address"}
hosts:
  default: {{connections: 4, connections_per_mailbox: 1, logins_per_second: 5}}
  {host}: {{connections: {connections}, connections_per_mailbox: 1, logins_per_second: 100}}
network:
  allow_private: true          # The mail server of this configuration is on loopback.
  compress: {json.dumps(compress)}
  ca_file: {json.dumps(str(ca_file))}
tenants: ["tenants/*.yaml"]
"""


def access_yaml(tenant, box):
    if box.oauth2 is None:
        return f"password: {{file: ../secrets/{tenant.name}-{box.id}}}"
    return f"auth: oauth2, oauth2: {json.dumps(box.oauth2)}"


def tenant_yaml(tenant):
    active, normal, dormant = tenant.freshness
    digest = hashlib.sha256(tenant.token.encode()).hexdigest()
    lines = [f"tenant: {tenant.name}", f"weight: {tenant.weight}",
             f'tokens: [{{sha256: "{digest}"}}]',
             f"freshness: {{active: {active}, normal: {normal}, dormant: {dormant}}}",
             f"collect: {{window: {tenant.window}, backfill: {json.dumps(tenant.backfill)}, "
             f"deletions: {tenant.deletions}}}",
             "mailboxes:"]
    for box in tenant.mailboxes:
        lines += [f"  - id: {box.id}", f"    address: {box.address}",
                  f"    source: {{protocol: {box.protocol}, host: {box.host}, port: {box.port}, "
                  f"security: {box.security}, username: {json.dumps(box.address)}, "
                  f"{access_yaml(tenant, box)}}}"]
    return "\n".join(lines) + "\n"


def write_configuration(folder, main, tenants):
    """Writes mailhaul.yaml, tenants/, secrets/ and tokens/ below `folder`; returns the first."""
    folder = pathlib.Path(folder)
    (folder / "tenants").mkdir(parents=True, exist_ok=True)
    for tenant in tenants:
        (folder / "tenants" / f"{tenant.name}.yaml").write_text(tenant_yaml(tenant))
        write_private(folder / "tokens" / tenant.name, tenant.token + "\n")
        for box in tenant.mailboxes:
            write_private(folder / "secrets" / f"{tenant.name}-{box.id}", box.password + "\n")
    path = folder / "mailhaul.yaml"
    path.write_text(main)
    return path
