"""The JSON Schemas in configs/schema say what the loader says, of good files and bad ones.

Needs python3-jsonschema and python3-yaml. What a schema cannot say (that an id is unique, that a
file exists, that durations are in order) is not among the bad files.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

import jsonschema
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("MAILHAUL_BINARY", ROOT / "build/release/mailhaul"))
EXIT_GOOD, EXIT_BAD = 0, 2
MAIN = "data_dir: d\ntenants: [t.yaml]\n"
BOX = "mailboxes:\n  - {id: a, address: a@b.example, source: {host: h, password: p}}\n"

GOOD_MAIN = [
    "", "threads: auto\n", "threads: 64\n", "memory_budget: 32MiB\n", "memory_budget: 67108864\n",
    "http: {tls: {certificate: certificate.pem, key: key.pem}}\n",
    "http: {}\n", "http: {per_token_per_second: 0, access_log: true}\n",
    "change_log: {keep: all}\n", "change_log: {keep: 90d}\n",
    "http: {listen: '127.0.0.1:0'}\n", "http: {listen: '[::1]:8025'}\n",
    "egress: [{connections: 1}]\n", "egress: [{address: 192.0.2.1, connections: 100000}]\n",
    "hosts: {default: {connections: 3}, imap.b.example: {bytes_per_day: 10GB}}\n",
    "hosts: {gmail: {mailbox_bytes_per_day: 2000MB, pop3_mailbox_bytes_per_day: 1000MB}}\n",
    "network: {allow_private: true, compress: false, ca_file: null}\n",
    "network: {connect_timeout: 1h, idle_timeout: 500ms}\n", "providers: []\n",
    f"master_key: '{'ab' * 32}'\n", "master_key: {env: KEY}\n",
]
BAD_MAIN = [
    "unknown: 1\n", "change_log: {keep: for ever}\n", "http: {per_token_per_second: -1}\n",
    "threads: 65\n", "threads: many\n", "threads: 0\n", "memory_budget: big\n",
    "memory_budget: 64 MiB\n", "http: {listen: localhost}\n", "http: {port: 1}\n",
    "http: {tls: true}\n", "http: {tls: {certificate: certificate.pem}}\n",
    "http: {tls: {certificate: certificate.pem, key: key.pem, ca: x}}\n", "http: []\n",
    "egress: {}\n", "egress: [{connections: 0}]\n", "egress: [{address: 192.0.2.1, limit: 3}]\n",
    "hosts: {h: {connections: 0}}\n", "hosts: {h: {conections: 1}}\n", "hosts: {h: 3}\n",
    "hosts: {h: {bytes_per_day: lots}}\n", "network: {allow_private: maybe}\n",
    "network: {connect_timeout: 10}\n", "network: {idle_timeout: 1w}\n", "network: {proxy: x}\n",
    "providers: x\n", "master_key: {env: KEY, file: key}\n", "master_key: {vault: x}\n",
    "master_key: []\n",
]
GOOD_TENANT = [
    "", BOX, "weight: 1000\n", "tokens: []\n", f"tokens: [{{sha256: '{'0a' * 32}'}}]\n",
    "tokens: [{env: TOKEN, scopes: [read, admin]}]\n", "tokens: [{file: token}]\n",
    "freshness: {active: 1s, normal: 2m, dormant: 3h, active_for: 4d, dormant_after: 5d}\n",
    "collect: {window: all, backfill: false, max_message: 1MB, exclude: [Trash]}\n",
    "collect: {deletions: mirror}\n", "quota: {bytes: 100GiB}\n", "retention: 3650d\n",
    "webhooks: [{url: 'https://hooks.example/', secret: whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODk=, "
    "events: [message.created]}]\n",
    "collect: {window: 7d, exclude: []}\n", "mailboxes: []\n",
    "send: {per_mailbox_per_minute: 1, per_tenant_per_minute: 1000000, retry_for: 1m}\n",
    "mailboxes:\n  - id: x.y_z-1\n    address: a@b.example\n    source: {protocol: pop3, host: h,"
    " port: 995, security: tls, allow_cram_md5: true, username: u, password: {env: PW}}\n"
    "    submission: {host: s, port: 587, security: starttls}\n",
    "mailboxes:\n  - id: a\n    address: a@b.example\n    source: {host: h, auth: oauth2, oauth2: "
    "{token_url: 'https://b.example/t', client_id: c, refresh_token: {file: token}}}\n",
    "mailboxes: [{id: a, address: a@gmail.com, source: {password: p}}]\n",
    "mailboxes: [{id: a, address: a@b.example, source: {provider: gmail, password: p}}]\n",
    "mailboxes: [{id: a, address: a@b.example, source: {host: h, security: plaintext, "
    "allow_plaintext: true, password: p}}]\n",
    "mailboxes_csv: t.csv\n",
]
BAD_TENANT = [
    "tokns: []\n", "weight: 0\n", "weight: 1001\n", "weight: heavy\n", "tokens: {}\n",
    "tokens: [abc]\n", "tokens: [{sha256: abc}]\n", "tokens: [{}]\n",
    f"tokens: [{{sha256: '{'0a' * 32}', env: TOKEN}}]\n", "tokens: [{env: 'a b'}]\n",
    "tokens: [{env: TOKEN, scopes: []}]\n", "tokens: [{env: TOKEN, scopes: [write]}]\n",
    "tokens: [{env: TOKEN, scopes: [read, read]}]\n", "tokens: [{env: TOKEN, scope: [read]}]\n",
    "freshness: {active: 1}\n", "freshness: {activ: 1s}\n", "freshness: 5m\n",
    "collect: {window: some}\n", "collect: {backfill: 1}\n", "collect: {max_message: 1 MB}\n",
    "collect: {exclude: Trash}\n", "collect: {exclude: ['']}\n", "collect: {deletions: drop}\n",
    "collect: {folders: [INBOX]}\n", "send: {per_mailbox_per_minute: 0}\n",
    "send: {retry_for: 5}\n", "send: {retry: 5m}\n", "mailboxes: {}\n", "mailboxes: [a]\n",
    "mailboxes_csv: []\n",
    "mailboxes: [{address: a@b.example, source: {host: h, password: p}}]\n",
    "mailboxes: [{id: a, source: {host: h, password: p}}]\n",
    "mailboxes: [{id: a, address: a@b.example}]\n",
    "mailboxes: [{id: a/b, address: a@b.example, source: {host: h, password: p}}]\n",
    "mailboxes: [{id: .., address: a@b.example, source: {host: h, password: p}}]\n",
    "mailboxes: [{id: a, address: nobody, source: {host: h, password: p}}]\n",
    "mailboxes: [{id: a, address: a@b.example, source: {host: h}}]\n",
    "mailboxes: [{id: a, address: a@b.example, source: {host: h, password: []}}]\n",
    "mailboxes: [{id: a, address: a@b.example, source: {host: h, password: {}}}]\n",
    "mailboxes: [{id: a, address: a@b.example, source: {host: h, password: p, port: 0}}]\n",
    "mailboxes: [{id: a, address: a@b.example, source: {host: h, password: p, port: 65536}}]\n",
    "mailboxes: [{id: a, address: a@b.example, source: {host: h, password: p, security: ssl}}]\n",
    "mailboxes: [{id: a, address: a@b.example, source: {host: h, password: p, protocol: mapi}}]\n",
    "mailboxes: [{id: a, address: a@b.example, source: {host: h, pasword: p}}]\n",
    "mailboxes: [{id: a, address: a@b.example, source: {host: h, password: p, auth: none}}]\n",
    "mailboxes: [{id: a, address: a@b.example, source: {host: h, password: p, oauth2: "
    "{token_url: 'https://b.example/t', client_id: c, refresh_token: r}}}]\n",
    "mailboxes: [{id: a, address: a@b.example, source: {host: h, oauth2: {client_id: c}}}]\n",
    "mailboxes: [{id: a, address: a@b.example, source: {host: h, oauth2: "
    "{token_url: 'ftp://b.example/t', client_id: c, refresh_token: r}}}]\n",
    "mailboxes: [{id: a, address: a@b.example, source: {host: h, password: p}, "
    "submission: {host: s, protocol: smtp}}]\n",
    "mailboxes: [{id: a, address: a@b.example, source: {host: h, password: p}, "
    "submission: {host: s, port: none}}]\n",
    "mailboxes: [{id: a, address: a@b.example, source: {host: h, password: p}, signature: x}]\n",
    "quota: {bytes: lots}\n", "quota: 1GiB\n", "retention: 1\n", "webhooks: {}\n",
    "webhooks: [{url: 'ftp://hooks.example/', secret: 0123456789abcdef}]\n",
    "webhooks: [{url: 'https://hooks.example/'}]\n",
    "webhooks: [{url: 'https://hooks.example/', secret: 0123456789abcdef, events: [mail]}]\n",
]


def schema_of(name):
    schema = json.loads((ROOT / "configs/schema" / f"{name}.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


class SchemaTest(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        made = subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
             "-nodes", "-subj", "/CN=test", "-keyout", "-", "-out", "-"],
            capture_output=True, text=True, check=True).stdout
        cls.pem = {"certificate": made, "key": made}  # Each is found among the other.

    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        (self.folder / "token").write_text("token\n")
        for name in ("certificate", "key"):
            (self.folder / f"{name}.pem").write_text(self.pem[name])
        (self.folder / "t.csv").write_text("id,address,password\na,a@b.example,p\n")

    def loader_takes(self, main, tenant):
        (self.folder / "main.yaml").write_text(main)
        (self.folder / "t.yaml").write_text(tenant)
        variables = {"KEY": "cd" * 32, "TOKEN": "token", "PW": "pw"}
        done = subprocess.run([str(BINARY), "check", "-c", str(self.folder / "main.yaml")],
                              capture_output=True, text=True, env=os.environ | variables)
        self.assertIn(done.returncode, (EXIT_GOOD, EXIT_BAD), done.stderr)
        return done.returncode == EXIT_GOOD, done.stderr

    def agree(self, schema, text, main, tenant, good):
        with self.subTest(text=text):
            said = [error.message for error in schema.iter_errors(yaml.safe_load(text))]
            taken, problems = self.loader_takes(main, tenant)
            self.assertEqual(good, taken, f"the loader: {problems}")
            self.assertEqual(good, not said, f"the schema: {said}")

    def test_main_files(self):
        schema = schema_of("mailhaul")
        for more in GOOD_MAIN:
            self.agree(schema, MAIN + more, MAIN + more, "tenant: t\n", True)
        for more in BAD_MAIN:
            self.agree(schema, MAIN + more, MAIN + more, "tenant: t\n", False)
        for text in ("data_dir: d\n", "tenants: [t.yaml]\n", "data_dir: d\ntenants: []\n",
                     "data_dir: d\ntenants: t.yaml\n", "data_dir: []\ntenants: [t.yaml]\n", "[]\n"):
            self.agree(schema, text, text, "tenant: t\n", False)

    def test_tenant_files(self):
        schema = schema_of("tenant")
        for more in GOOD_TENANT:
            self.agree(schema, "tenant: t\n" + more, MAIN, "tenant: t\n" + more, True)
        for more in BAD_TENANT:
            self.agree(schema, "tenant: t\n" + more, MAIN, "tenant: t\n" + more, False)
        for text in ("weight: 1\n", "tenant: a b\n", "tenant: []\n", "[]\n"):
            self.agree(schema, text, MAIN, text, False)

    def test_the_examples(self):
        for name, file in (("mailhaul", "example.yaml"), ("tenant", "tenants/example.yaml")):
            document = yaml.safe_load((ROOT / "configs" / file).read_text())
            self.assertEqual([], [error.message
                                  for error in schema_of(name).iter_errors(document)])

    def test_every_key_of_the_loader_is_in_the_reference(self):
        reference = (ROOT / "docs/configuration.md").read_text()

        def keys(schema):
            if isinstance(schema, dict):
                yield from schema.get("properties", {})
                for value in schema.values():
                    yield from keys(value)
            elif isinstance(schema, list):
                for value in schema:
                    yield from keys(value)
        for name in ("mailhaul", "tenant"):
            for key in set(keys(schema_of(name).schema)):
                self.assertIn(f"`{key}`", reference)


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    unittest.main(verbosity=2)
