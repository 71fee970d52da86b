"""The `curl` lines of docs/http.md, run as they stand against a server with mail."""

import json
import os
import pathlib
import re
import secrets
import subprocess

from support import IntegrationTest, config_files, dovecot, main, sha256, wait_until

MANUAL = (pathlib.Path(__file__).resolve().parents[2] / "docs/http.md").read_text(encoding="utf-8")
MESSAGE, SUBMISSION = "3f21000000000007", "3f21000000000009"  # As the manual calls them.
MAIL = (b"From: ann@example.com\r\nTo: alice@acme.example\r\nSubject: =?utf-8?q?Cr=C3=A8me?=\r\n"
        b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
        b"--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
        b"Cr\xc3\xa8me br\xc3\xbbl\xc3\xa9e\r\n"
        b"--b\r\nContent-Type: image/png\r\nContent-Disposition: attachment; filename=a.png\r\n"
        b"Content-Transfer-Encoding: base64\r\n\r\naGVsbG8=\r\n"
        + b"--b\r\nContent-Type: text/plain\r\n\r\n" + b"0123456789abcd\r\n" * 8192 + b"--b--\r\n")
# What a line is answered that is not answered with success here, and why.
EXPECTED = {
    "limt=5": {400},  # It shows an error.
    "/fetch": {409},  # The message is here already.
    "/retry": {409},  # The submission was canceled by the line before.
}


def examples():
    """Each command with its continuation lines as one."""
    lines = MANUAL.replace("\\\n", " ").splitlines()
    return [line.strip().removeprefix("$ ") for line in lines
            if re.match(r"    (\$ )?curl ", line)]


def expected_statuses(command):
    for part, statuses in EXPECTED.items():
        if part in command:
            return statuses
    return {200, 201, 202, 204, 206}


class ExamplesTest(IntegrationTest):

    counts = {"alice": 5, "bob": 1}

    def setUp(self):
        super().setUp()
        key = self.work.folder / "master.key"
        config_files.write_private(key, secrets.token_hex(32) + "\n")
        self.work.configuration = self.work.configure(mailboxes=[self.work.mailbox("alice")],
                                                      master_key=key)
        closed = dovecot.free_ports(1)[0]  # What is sent stays queued.
        path = self.work.folder / "tenants" / "acme.yaml"
        text = path.read_text().replace('"}]', '", scopes: [read, send, admin]}]', 1)
        path.write_text(text.rstrip() + f"\n    submission: {{host: localhost, port: {closed}, "
                        "security: starttls}\n")
        main_file = pathlib.Path(self.work.configuration)
        main_file.write_text(main_file.read_text().replace(
            f"listen: 127.0.0.1:{self.work.http_port}",
            f"listen: 127.0.0.1:{self.work.http_port}\n  access_log: true"))
        self.folder = self.work.folder / "examples"
        self.folder.mkdir(exist_ok=True)
        (self.folder / "mail.eml").write_bytes(
            b"From: alice@acme.example\r\nTo: bob@example.net\r\nSubject: raw\r\n\r\nhi\r\n")

    def run_line(self, command):
        """The answer's status, and what curl wrote otherwise."""
        script = ('BASE="$1"; AUTH="$2"; ADMIN="$2"; STATE="$3"\n'
                  'curl() { command curl -sS --max-time 3 -w "\\n%{stderr}%{http_code}" "$@"; }\n'
                  + command)
        done = subprocess.run(
            ["bash", "-c", script, "bash", f"http://127.0.0.1:{self.work.http_port}",
             f"Authorization: Bearer {self.work.token}", self.state],
            cwd=self.folder, capture_output=True, timeout=60,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"})
        errors = done.stderr.decode().strip()
        self.assertRegex(errors, r"\d{3}$", command)
        status = int(errors[-3:])
        # A stream does not end by itself.
        self.assertEqual(28 if " -N " in command else 0, done.returncode, f"{command}: {errors}")
        return status, done.stdout

    def test_each_line_does_what_the_manual_says(self):
        self.work.append("alice", MAIL)
        commands = examples()
        self.assertGreater(len(commands), 20)
        with self.work.serve():
            api = self.work.api()
            found = wait_until(
                lambda: api.get("/v1/messages?folder=INBOX&from=ann@example.com")["items"],
                "the message")
            wait_until(lambda: api.get("/v1/messages?text=creme")["items"], "the text index")
            self.state = api.get("/v1/changes")["state"]
            names = {MESSAGE: found[0]["id"], **self.where_bob_is()}
            # What removes a message comes last: later examples name it again.
            removing = f'-X DELETE "$BASE/v1/messages/{MESSAGE}"'
            commands.sort(key=lambda command: removing in command)
            outputs = {}
            for command in commands:
                line = command
                for name, actual in names.items():
                    line = line.replace(name, actual)
                status, output = self.run_line(line)
                self.assertIn(status, expected_statuses(line), f"{line}\n{output[:500]!r}")
                outputs[command] = output
                if "order-4711" in command:
                    names[SUBMISSION] = json.loads(output)["id"]
            self.check_outputs(outputs)
        log = (self.work.folder / "serve.log").read_text()
        self.assert_access_log(log)

    def where_bob_is(self):
        """Nobody on the test's network tells of servers."""
        password = self.work.server.users[self.work.boxes["bob"]]
        return {f'"source": {{"password": "{shown}"}}':
                json.dumps({"source": {"host": "localhost", "port": self.work.server.secure_port(),
                                       "password": password}})[1:-1]
                for shown in ("pass word", "a new one")}

    def check_outputs(self, outputs):
        """A few of the answers, by what the manual promises of them."""
        def one(part):
            return next(output for command, output in outputs.items() if part in command)

        self.assertEqual(sha256(MAIL), sha256((self.folder / "message.eml").read_bytes()))
        self.assertEqual(MAIL[65536:], (self.folder / "rest").read_bytes())
        self.assertEqual(b"hello", (self.folder / "a.png").read_bytes())
        self.assertEqual("alice", json.loads(one('/v1/mailboxes/alice"'))["id"])
        self.assertEqual(1, len(json.loads(one("brûlée"))["items"]))
        self.assertEqual("unknown_parameter", json.loads(one("limt=5"))["code"])
        self.assertIn(b"retry: 3000", one("Last-Event-ID"))

    def assert_access_log(self, log):
        token = sha256(self.work.token.encode())[:8]
        self.assertRegex(log, rf"HTTP [0-9a-f]{{16}} \S+ tenant acme token {token} GET "
                              r"/v1/messages 200 \d+ bytes \d+ us")
        self.assertNotIn(self.work.token, log)
        self.assertNotIn("%40example.com", log)
        self.assertRegex(log, r"tenant - token - GET /healthz 200 ")


if __name__ == "__main__":
    main()
