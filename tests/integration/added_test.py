"""Mailboxes that a portal connects over HTTP while `serve` runs, on a private Dovecot."""

import concurrent.futures
import hashlib
import http.client
import os
import secrets
import signal

from support import IntegrationTest, config_files, json, main, program, wait_until

ADMIN, OTHERS = "token-of-a-portal", "token-of-globex"


class AddedMailboxTest(IntegrationTest):

    counts = {"alice": 3, "bob": 7, "carol": 5}

    def setUp(self):
        super().setUp()
        self.key = self.work.folder / "master.key"
        self.new_key(self.key)
        self.configure()
        self.addCleanup(self.clear)

    def clear(self):
        (self.work.folder / "tenants" / "globex.yaml").unlink(missing_ok=True)

    @staticmethod
    def new_key(path):
        config_files.write_private(path, secrets.token_hex(32) + "\n")

    def configure(self, boxes=("alice",), allow_private=True, key=True):
        self.work.configuration = self.work.configure(
            mailboxes=[self.work.mailbox(box) for box in boxes],
            master_key=self.key if key else None)
        if not allow_private:
            text = self.work.configuration.read_text()
            self.work.configuration.write_text(text.replace("allow_private: true",
                                                            "allow_private: false"))
        self.write_tokens("acme", f'{{sha256: "{self.hash_of(self.work.token)}"}}, '
                          f'{{sha256: "{self.hash_of(ADMIN)}", scopes: [read, admin]}}')
        globex = self.work.folder / "tenants" / "globex.yaml"
        globex.write_text(f'tenant: globex\ntokens: [{{sha256: "{self.hash_of(OTHERS)}", '
                          "scopes: [read, admin]}]\nmailboxes: []\n")

    def write_tokens(self, tenant, tokens):
        path = self.work.folder / "tenants" / f"{tenant}.yaml"
        lines = [f"tokens: [{tokens}]" if line.startswith("tokens:") else line
                 for line in path.read_text().splitlines()]
        path.write_text("\n".join(lines) + "\n")

    @staticmethod
    def hash_of(token):
        return hashlib.sha256(token.encode()).hexdigest()

    def body(self, box, **source):
        address = self.work.boxes[box]
        return {"id": box, "address": address,
                "source": {"host": "localhost", "port": self.work.server.secure_port(),
                           "password": self.work.server.users[address], **source}}

    def ask(self, method, path, body=None, token=ADMIN):
        connection = http.client.HTTPConnection("127.0.0.1", self.work.http_port, timeout=60)
        try:
            connection.request(method, path, json.dumps(body) if body is not None else None,
                               {"Authorization": f"Bearer {token}",
                                "Content-Type": "application/json"})
            response = connection.getresponse()
            text = response.read().decode()
            return response.status, json.loads(text) if text else None
        finally:
            connection.close()

    def add(self, body, query="", **options):
        return self.ask("POST", "/v1/mailboxes" + query, body, **options)

    def remove(self, box, **options):
        return self.ask("DELETE", f"/v1/mailboxes/{box}", **options)

    def api(self):
        return program.Api(self.work.http_port, ADMIN)

    def names(self):
        return sorted(box["id"] for box in self.api().all("/v1/mailboxes"))

    def messages(self, box):
        code, text = self.api().status_of(f"/v1/messages?mailbox={box}&limit=1000")
        return len(json.loads(text)["items"]) if code == 200 else code

    def wait_for_mail(self, box):
        count = self.work.server.contents(self.work.boxes[box]).total()
        wait_until(lambda: self.messages(box) == count, f"the mail of {box}")

    def assert_problem(self, status, code, answer):
        self.assertEqual((status, code), (answer[0], answer[1]["code"]), answer[1])

    def assert_secret_kept(self, server, *passwords):
        log = server.log.read_text(errors="replace")
        for password in passwords:
            self.assertNotIn(password, log)

    def test_is_collected_outlives_a_restart_and_goes_with_its_data(self):
        with self.work.serve() as server:
            status, shown = self.add(self.body("bob"))
            self.assertEqual((201, "bob", self.work.boxes["bob"]),
                             (status, shown["id"], shown["address"]))
            self.assertEqual(set(self.api().get("/v1/mailboxes/bob")), set(shown))
            self.wait_for_mail("bob")
            self.assertEqual(["alice", "bob"], self.names())
            self.assertEqual(201, self.add(self.body("bob"))[0], "the same again")
            changes = self.api().get("/v1/changes?since=&limit=1000")["changes"]
            self.assertIn(("mailbox.updated", "bob"),
                          [(change["type"], change.get("mailbox")) for change in changes])
        with self.work.serve() as server:
            self.assertEqual(["alice", "bob"], self.names())
            self.wait_for_mail("bob")
            self.work.append("bob", b"Subject: later\r\n\r\nText.\r\n")
            self.wait_for_mail("bob")
            self.assertEqual(204, self.remove("bob")[0])
            self.assertEqual(["alice"], self.names())
            self.assertEqual(404, self.api().status_of("/v1/mailboxes/bob")[0])
            shown = {item["mailbox"] for item in self.api().all("/v1/messages")}
            self.assertEqual({"alice"}, shown)
            self.assert_problem(404, "not_found", self.remove("bob"))
            self.assertEqual(201, self.add(self.body("bob"))[0], "one like it may come")
            self.wait_for_mail("bob")
            self.assertEqual(204, self.remove("bob")[0])
            self.assert_secret_kept(server, self.work.server.users[self.work.boxes["bob"]])
        with self.work.serve():
            self.assertEqual(["alice"], self.names())
        self.assertEqual(1, self.assert_sound()["mailboxes"])

    def test_what_cannot_log_in_is_refused_with_the_reason_and_leaves_nothing(self):
        wrong = "a-wrong-one"
        with self.work.serve() as server:
            refusals = {
                "credentials_refused": self.body("bob", password=wrong),
                "unreachable": self.body("bob", port=1),
            }
            for code, body in refusals.items():
                answer = self.add(body)
                self.assert_problem(422, code, answer)
                self.assertNotIn(body["source"]["password"], json.dumps(answer[1]))
            self.assertEqual(["alice"], self.names())
            self.wait_for_mail("alice")  # The pool is as it was.
            status, _ = self.add(self.body("bob", password=wrong), "?test=false")
            self.assertEqual(201, status, "without a test")
            self.assert_problem(409, "mailbox_exists", self.add(self.body("bob")))
            status, _ = self.ask("PUT", "/v1/mailboxes/bob", self.body("bob"))
            self.assertEqual(200, status)
            self.wait_for_mail("bob")
            self.assert_secret_kept(server, wrong)

    def test_an_unusable_body_is_told_of_field_by_field(self):
        with self.work.serve():
            body = {"address": "nobody", "source": {"prot": 993, "password": {"env": "HOME"}}}
            answer = self.add(body)
            self.assert_problem(422, "invalid_mailbox", answer)
            found = {each["field"]: each["message"] for each in answer[1]["errors"]}
            self.assertIn("address", found)
            self.assertIn("'port'", found["source"])
            self.assertIn("refused here", found["source.password"])
            self.assertNotIn(os.environ["HOME"], json.dumps(answer[1]))
            self.assert_problem(413, "body_too_large", self.add({"address": "x" * 20_000}))
            self.assert_problem(422, "no_server_found", self.add(
                {"address": "someone@nowhere.invalid", "source": {"password": "password"}}))

    def test_who_may_what(self):
        with self.work.serve():
            self.assert_problem(403, "insufficient_scope",
                                self.add(self.body("bob"), token=self.work.token))
            self.assert_problem(403, "insufficient_scope",
                                self.remove("alice", token=self.work.token))
            self.assert_problem(404, "not_found", self.remove("alice", token=OTHERS))
            self.assert_problem(409, "mailbox_configured", self.remove("alice"))
            self.assert_problem(409, "mailbox_configured", self.add(self.body("alice")))
            self.assert_problem(409, "address_exists", self.add({**self.body("alice"), "id": "al"}))
            self.assertEqual(201, self.add(self.body("bob"), token=OTHERS)[0])
            self.assertEqual(["alice"], self.names())
            self.assert_problem(404, "not_found", self.remove("bob"))

    def test_reaches_no_further_than_what_is_configured(self):
        self.configure(allow_private=False)
        with self.work.serve():
            self.assert_problem(422, "destination_refused", self.add(self.body("bob")))
            self.assertEqual(["alice"], self.names())

    def test_needs_a_key(self):
        self.configure(key=False)
        with self.work.serve():
            self.assert_problem(409, "no_master_key", self.add(self.body("bob")))

    def test_a_file_goes_first_and_what_was_added_comes_back(self):
        with self.work.serve() as server:
            self.assertEqual(201, self.add(self.body("bob"))[0])
            self.wait_for_mail("bob")
            for boxes, code in ((("alice", "bob"), "mailbox_configured"), (("alice",), None)):
                self.configure(boxes)
                server.process.send_signal(signal.SIGHUP)

                def taken(code=code):
                    answer = self.add(self.body("bob", username="someone"))
                    return answer[1]["code"] == (code or "mailbox_exists")
                wait_until(taken, f"{boxes} in force")
                self.assertEqual(["alice", "bob"], self.names())
                self.wait_for_mail("bob")
            self.assertIn("stands in its tenant's file as well",
                          server.log.read_text(errors="replace"))

    def test_an_id_of_its_own_making(self):
        body = self.body("carol")
        del body["id"]
        with self.work.serve():
            status, shown = self.add(body)
            self.assertEqual((201, self.work.boxes["carol"]), (status, shown["id"]))
            self.assertEqual(201, self.add(body)[0])
            self.assertEqual(204, self.remove(self.work.boxes["carol"])[0])

    def test_the_commands_know_it_and_a_new_key_seals_it_anew(self):
        with self.work.serve():
            self.assertEqual(201, self.add(self.body("bob"))[0])
            done = self.work.run("status", "-c", self.work.configuration)
            self.assertIn("acme/bob", done.stdout)
            done = self.work.run("remove", "-c", self.work.configuration, "--mailbox", "acme/bob")
            self.assertIn("DELETE /v1/mailboxes/bob", done.stderr)
        done = self.work.run("check", "-c", self.work.configuration, "--online")
        self.assertRegex(done.stdout, r"acme/bob +imap localhost:\d+ tls +ok")
        self.assertEqual(2, self.work.collect_json()["mailboxes"]["complete"])
        other = self.work.folder / "other.key"
        self.new_key(other)
        done = self.work.run("secret", "rotate", "-c", self.work.configuration, "--to", other)
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertIn("1 secrets", done.stdout)
        with self.work.serve() as server:
            self.assertEqual(["alice"], self.names(), "the old key opens it no more")
            self.assertIn("mailbox acme/bob was added over HTTP and is not collected",
                          server.log.read_text(errors="replace"))
        os.replace(other, self.key)
        with self.work.serve():
            self.assertEqual(["alice", "bob"], self.names())
            self.wait_for_mail("bob")
        done = self.work.run("remove", "-c", self.work.configuration, "--mailbox", "acme/bob")
        self.assertEqual(0, done.returncode, done.stderr)
        with self.work.serve():
            self.assertEqual(["alice"], self.names())

    def test_a_kill_leaves_it_whole_or_absent(self):
        """At moments that go through both operations, as far as their length can be told."""
        self.configure(boxes=("alice",))
        for step in range(int(os.environ.get("ADDED_KILLS", "10"))):
            adds = step % 2 == 0
            with self.work.serve() as server:
                if not adds and self.names() == ["alice"]:
                    self.assertEqual(201, self.add(self.body("bob"))[0])
                with concurrent.futures.ThreadPoolExecutor(1) as pool:
                    call = pool.submit(self.add, self.body("bob")) if adds else \
                        pool.submit(self.remove, "bob")
                    concurrent.futures.wait([call], timeout=0.012 * (step // 2))
                    server.process.kill()
                    server.process.wait()
                answered = call.exception() is None and call.result()[0]
            with self.work.serve():
                self.wait_for_mail("alice")
                if answered == 201:
                    self.assertEqual(["alice", "bob"], self.names())
                if answered == 204:
                    self.assertEqual(["alice"], self.names())
                if "bob" in self.names():
                    self.wait_for_mail("bob")
                else:
                    boxes = {item["mailbox"] for item in self.api().all("/v1/messages")}
                    self.assertEqual({"alice"}, boxes)
            self.assert_sound()


if __name__ == "__main__":
    main()
