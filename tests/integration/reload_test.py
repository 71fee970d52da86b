"""The configuration of tenants changes while `serve` runs: nobody else's sessions are disturbed,
counted at the server."""

import hashlib
import os
import re
import signal

from support import IntegrationTest, config_files, json, main, program, wait_until

RARE = ("1h", "1h", "1h")


class ReloadTest(IntegrationTest):

    counts = {"alice": 12, "bob": 7, "carol": 5, "dave": 3}

    def setUp(self):
        super().setUp()
        self.work.configuration = self.work.configure(mailboxes=[self.work.mailbox("alice")],
                                                      freshness=RARE)
        self.write_tenant("bobs", ["bob"])
        self.table = self.work.folder / "tenants" / "table.csv"
        self.token = "token-of-late"
        self.addCleanup(self.clear)

    def clear(self):
        for file in (self.work.folder / "tenants").iterdir():
            if file.name != "acme.yaml":
                file.unlink()

    def write_tenant(self, name, boxes):
        tenant = config_files.Tenant(name, f"token-of-{name}",
                                     [self.work.mailbox(box) for box in boxes], freshness=RARE)
        main_file = self.work.configuration.read_text()
        config_files.write_configuration(self.work.folder, main_file, [tenant])

    def replace(self, path, text):
        """As careful programs write: the new file takes the place of the old one."""
        new = path.with_name(path.name + ".new")
        config_files.write_private(new, text)
        os.replace(new, path)

    def write_late(self, boxes, **passwords):
        """Tenant `late`, whose mailboxes stand in a table."""
        digest = hashlib.sha256(self.token.encode()).hexdigest()
        rows = ["id,address,host,port,username,password"]
        for box in boxes:
            address = self.work.boxes[box]
            password = passwords.get(box, self.work.server.users[address])
            rows.append(f'{box},{address},localhost,{self.work.server.secure_port()},{address},'
                        f'"{password}"')
        self.replace(self.table, "\r\n".join(rows) + "\r\n")
        self.replace(self.work.folder / "tenants" / "late.yaml",
                     f'tenant: late\ntokens: [{{sha256: "{digest}"}}]\nmailboxes_csv: table.csv\n'
                     "freshness: {active: 1h, normal: 1h, dormant: 1h}\n")

    def logins(self, box):
        """By whomever, ourselves included."""
        pattern = rf"imap-login: (Info: )?Login: user=<{re.escape(self.work.boxes[box])}>"
        return len(re.findall(pattern, self.work.server.log_text()))

    def api_of(self, tenant):
        return program.Api(self.work.http_port, f"token-of-{tenant}")

    def held(self, box):
        return self.work.server.contents(self.work.boxes[box]).total()

    def complete(self, api, box):
        """Everything is read, so that nothing is due for an hour."""
        count = self.held(box)

        def reached():
            code, _ = api.status_of(f"/v1/mailboxes/{box}")
            if code != 200:
                return False
            shown = api.get(f"/v1/mailboxes/{box}")
            return (shown["messages"] == count and shown["state"] == "ok" and
                    shown["coverage"] == {"window": 1, "backfill": 1})
        wait_until(reached, f"{box} is read")

    def metric(self, name):
        _, text = program.Api(self.work.http_port, None).status_of("/metrics")
        return float(re.search(rf"^{re.escape(name)} (\S+)$", text, re.M).group(1))

    def reread(self, server):
        """At once, rather than when it has settled."""
        server.process.send_signal(signal.SIGHUP)

    def refused_files(self):
        return self.metric("mailhaul_config_refused_files")

    def test_a_tenant_comes_changes_breaks_and_goes_and_no_other_notices(self):
        with self.work.serve() as server:
            acme, bobs, late = self.work.api(), self.api_of("bobs"), self.api_of("late")
            self.complete(acme, "alice")
            self.complete(bobs, "bob")
            before = {box: self.logins(box) for box in ("alice", "bob")}
            self.assertEqual(401, late.status_of("/v1/mailboxes")[0])

            self.write_late(["carol"])
            self.complete(late, "carol")  # Nobody has told the server.
            carols = self.logins("carol")

            self.write_late(["carol", "dave"])
            self.reread(server)
            self.complete(late, "dave")
            self.assertEqual(carols, self.logins("carol"), "its row is as it was")

            self.replace(self.table, "id,address,password\ncarol,nobody\n")
            self.reread(server)
            wait_until(lambda: self.refused_files() == 1, "the refusal")
            self.assertEqual(["carol", "dave"],
                             sorted(box["id"] for box in late.all("/v1/mailboxes")))
            done = self.work.run("status", "-c", self.work.configuration, "--json")
            (refused,) = json.loads(done.stdout)["configuration"]["refused"]
            self.assertIn("late.yaml", refused["file"])
            self.assertRegex(self.work.run("status", "-c", self.work.configuration).stdout,
                             r"late\.yaml: not in force: ")
            self.assertRegex(server.log_tail(200), r"table\.csv:2:\d+: ")

            self.write_late(["dave"])
            self.reread(server)
            wait_until(lambda: late.status_of("/v1/mailboxes/carol")[0] == 404, "carol goes")
            self.assertEqual(0, self.refused_files())
            self.assertEqual("ok", late.get("/v1/mailboxes/dave")["state"])

            (self.work.folder / "tenants" / "late.yaml").unlink()
            self.reread(server)
            wait_until(lambda: late.status_of("/v1/mailboxes")[0] == 401, "late goes")
            self.assertEqual(before, {box: self.logins(box) for box in ("alice", "bob")})

            # One that was there at the start, for good.
            (self.work.folder / "tenants" / "bobs.yaml").unlink()
            self.reread(server)
            wait_until(lambda: bobs.status_of("/v1/mailboxes")[0] == 401, "bobs goes")
            done = self.work.run("remove", "-c", self.work.configuration, "--tenant", "bobs")
            self.assertEqual(0, done.returncode, done.stderr)
            self.assertIn("the running server deletes it now: bobs: 1 mailbox", done.stdout)

    def test_a_signal_reads_secrets_again_and_they_are_tried_at_once(self):
        secret = self.work.folder / "secrets" / "acme-alice"
        right = secret.read_text()
        self.replace(secret, "wrong\n")
        with self.work.serve() as server:
            api = self.work.api()
            wait_until(lambda: api.get("/v1/mailboxes/alice")["error"], "the refused login")
            self.complete(self.api_of("bobs"), "bob")
            bobs = self.logins("bob")
            self.replace(secret, right)
            self.reread(server)
            self.complete(api, "alice")
            self.assertEqual(bobs, self.logins("bob"))

    def test_of_the_main_file_what_needs_a_restart_is_said_and_a_broken_one_changes_nothing(self):
        text = self.work.configuration.read_text()
        with self.work.serve() as server:
            self.complete(self.work.api(), "alice")
            self.work.configuration.write_text(text.replace("threads: auto", "threads: 3"))
            self.reread(server)
            wait_until(lambda: self.metric("mailhaul_config_needs_restart") == 1, "the notice")
            self.assertIn("changed in threads", server.log_tail(200))
            self.work.configuration.write_text(text + "\nnonsense: [\n")
            self.reread(server)
            wait_until(lambda: self.refused_files() == 1, "the refusal")
            self.assertEqual("ok", self.work.api().get("/v1/mailboxes/alice")["state"])
            self.work.configuration.write_text(text)
            self.reread(server)
            wait_until(lambda: self.refused_files() == 0, "the mending")


if __name__ == "__main__":
    main()
