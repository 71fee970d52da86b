"""`mailhaul serve`: collects by itself, answers over HTTP, and stops when told."""

import email
import email.policy
import json
import signal
import urllib.error

from support import IntegrationTest, main, program, sha256, wait_until

EXIT_DRAINED = (0, 4)  # Done, or interrupted with the state kept.
RAW = b"From: a@b.example\r\nSubject: while serving\r\n\r\nhello\r\n"


def own_parts(message):
    """The leaves of a message, but not of a message within it."""
    if message.get_content_maintype() != "multipart":
        return [message] if message.get_content_maintype() != "message" else []
    return [leaf for part in message.iter_parts() for leaf in own_parts(part)]


class ServeTest(IntegrationTest):

    counts = {"alice": 30, "bob": 25}

    def all_collected(self, api, count):
        return lambda: sum(box["messages"] for box in api.all("/v1/mailboxes")) == count

    def test_an_empty_store_fills_by_itself(self):
        expected = self.work.on_server()
        with self.work.serve():
            api = self.work.api()
            wait_until(self.all_collected(api, expected.total()), "everything collected")
            self.assert_same_messages(expected, self.work.in_store(api))

    def test_a_new_message_appears_within_the_freshness(self):
        self.work.collect_json()
        with self.work.serve():
            self.work.append("alice", RAW)

            def arrived():
                newest = self.work.api().get("/v1/messages?mailbox=alice&folder=INBOX&limit=5")
                return [item for item in newest["items"] if item["subject"] == "while serving"]
            item, = wait_until(arrived, "the appended message")
            self.assertEqual(sha256(RAW), sha256(self.work.api().raw(item["id"])))

    def test_health_needs_no_token_and_mail_does(self):
        with self.work.serve():
            stranger = program.Api(self.work.http_port, None)
            self.assertEqual(200, stranger.status_of("/healthz")[0])
            code, metrics = stranger.status_of("/metrics")  # On loopback.
            self.assertEqual(200, code)
            self.assertIn('mailhaul_checks_total{tenant="acme"}', metrics)
            self.assertEqual(403, self.work.api().status_of("/v1/pools")[0])
            for path in ("/v1/mailboxes", "/v1/messages", "/v1/mailboxes/alice"):
                code, body = stranger.status_of(path)
                self.assertEqual(401, code, path)
                self.assertNotIn("alice", body)
                self.assertEqual(401, stranger.status_of(path, "not-the-token")[0], path)

    def status(self):
        done = self.work.run("status", "-c", self.work.configuration, "--json")
        self.assertEqual(0, done.returncode, done.stderr)
        return json.loads(done.stdout)

    def plan_pool(self, *arguments):
        done = self.work.run("plan", "-c", self.work.configuration, "--json", *arguments)
        (pool,) = json.loads(done.stdout)["pools"]
        return pool

    def test_status_tells_of_the_pools_of_a_running_server(self):
        with self.work.serve():
            wait_until(lambda: self.status()["pools"][0]["kinds"]["new"]["grants"] > 2, "checks")
            told = self.status()
            self.assertEqual({"alice", "bob"}, {box["id"] for box in told["mailboxes"]})
            (pool,) = told["pools"]
            self.assertEqual("localhost", pool["host"])
            self.assertGreater(pool["kinds"]["new"]["seconds"], 0)
            self.assertLessEqual(pool["connections"], pool["limit"])
            self.assertEqual(0, told["pools_left_out"])
            text = self.work.run("status", "-c", self.work.configuration).stdout
            self.assertRegex(text, r"(?m)^acme/alice +\w+ ")
            limit = pool["configured_limit"]
            self.assertRegex(text, rf"(?m)^localhost +- +\d+ +{limit} +{limit} +\d+% +\d+ +\d+ms")
        self.assertIsNone(self.status()["pools"])
        after = self.work.run("status", "-c", self.work.configuration)
        self.assertEqual((0, ""), (after.returncode, after.stderr))
        self.assertNotIn("POOL", after.stdout)

    def test_status_tells_what_a_server_has_done_that_has_nothing_to_do(self):
        self.work.configuration = self.work.configure(freshness=("1h", "1h", "1h"))
        with self.work.serve():
            done = {("ok", 1, 1)}
            wait_until(lambda: {(box["state"], *box["coverage"].values())
                                for box in self.status()["mailboxes"]} == done, "what was done")

    def test_plan_reckons_with_the_check_time_that_was_measured(self):
        self.work.collect_json()
        self.assertEqual("assumed", self.plan_pool()["check_source"])
        with self.work.serve():
            wait_until(lambda: self.plan_pool()["check_source"] == "measured", "30 checks")
        measured = self.plan_pool()
        self.assertEqual("measured", measured["check_source"])
        self.assertGreaterEqual(measured["check_samples"], 30)
        self.assertGreater(measured["check_seconds"], 0)
        self.assertEqual(("assumed", 5),
                         tuple(self.plan_pool("--check-time", "5s")[key]
                               for key in ("check_source", "check_seconds")))
        with self.work.serve():
            pass
        self.assertGreaterEqual(self.plan_pool()["check_samples"], measured["check_samples"])

    def test_errors_are_problem_documents(self):
        with self.work.serve():
            with self.assertRaises(urllib.error.HTTPError) as raised:
                self.work.api().open("/v1/messages/none")
            self.assertEqual(404, raised.exception.code)
            self.assertEqual("application/problem+json",
                             raised.exception.headers.get_content_type())
            self.assertIn("code", json.load(raised.exception))

    def test_the_api_tells_what_a_mailbox_holds(self):
        self.work.collect_json()
        held = self.work.on_server()
        with self.work.serve():
            api = self.work.api()
            self.assertEqual(["alice", "bob"], sorted(box["id"] for box in
                                                      api.all("/v1/mailboxes?limit=1")))
            box = api.get("/v1/mailboxes/alice")
            self.assertEqual("alice@acme.example", box["address"])
            self.assertEqual({"window": 1, "backfill": 1}, box["coverage"])
            folders = {folder["name"]: folder for folder in
                       api.all("/v1/mailboxes/alice/folders")}
            for name, folder in folders.items():
                count = sum(n for key, n in held.items() if key[:2] == ("alice", name))
                self.assertEqual(count, folder["total"], name)
            self.assertEqual("sent", folders["Sent"]["role"])
            self.assertIn("Projekte/Büro", folders)

    def test_pages_show_every_message_once_and_newest_first(self):
        self.work.collect_json()
        with self.work.serve():
            api = self.work.api()
            items = list(api.all("/v1/messages?limit=7"))
            self.assertEqual(self.work.on_server().total(), len({item["id"] for item in items}))
            times = [item["received_at"] for item in items]
            self.assertEqual(sorted(times, reverse=True), times)

    def test_attachments_are_what_their_senders_attached(self):
        self.work.collect_json()
        with self.work.serve():
            api = self.work.api()
            compared = 0
            for item in api.all("/v1/messages?has_attachment=true"):
                message = email.message_from_bytes(api.raw(item["id"]), policy=email.policy.default)
                expected = [sha256(part.get_payload(decode=True)) for part in own_parts(message)
                            if part.get_content_disposition() == "attachment"]
                got = set()
                for attachment in item["attachments"]:
                    path = f"/v1/messages/{item['id']}/attachments/{attachment['n']}"
                    with api.open(path) as response:
                        data = response.read()
                    self.assertEqual(attachment["content_type"],
                                     response.headers.get_content_type())
                    self.assertEqual(attachment["size"], len(data))
                    got.add(sha256(data))
                for digest in expected:
                    self.assertIn(digest, got)
                compared += len(expected)
            self.assertGreater(compared, 0)

    def test_the_change_feed_tells_of_each_message_once_whatever_restarts(self):
        self.work.collect_json()
        seen, state, more = [], "", True
        while more:
            with self.work.serve():
                answer = self.work.api().get(f"/v1/changes?limit=20&since={state}")
                seen += [change["message"] for change in answer["changes"]
                         if change["type"] == "message.created"]
                state, more = answer["state"], answer["more"]
        self.assertEqual(len(seen), len(set(seen)))
        with self.work.serve():
            api = self.work.api()
            stored = {item["id"] for item in api.all("/v1/messages")}
            self.assertEqual(stored, set(seen))
            self.work.append("alice", RAW)

            def told():
                return api.get(f"/v1/changes?since={state}")["changes"]
            change, = wait_until(told, "a change")
            self.assertEqual(("message.created", "alice"), (change["type"], change["mailbox"]))

    def test_sigterm_drains(self):
        server = self.work.serve().start()
        self.assertIn(server.stop(), EXIT_DRAINED)
        self.work.collect_json()
        self.assert_store_holds_everything()

    def test_sigterm_in_the_middle_of_collecting_loses_nothing(self):
        server = self.work.serve().start()
        server.process.send_signal(signal.SIGTERM)
        self.assertIn(server.process.wait(timeout=program.STOP_SECONDS_MAX), EXIT_DRAINED)
        self.work.collect_json()
        self.assert_store_holds_everything()

    def test_its_log_holds_no_secret(self):
        with self.work.serve() as server:
            self.work.api().get("/v1/mailboxes")
        log = server.log.read_text()
        self.assertNotIn(self.work.token, log)
        for password in self.work.server.users.values():
            self.assertNotIn(password, log)

    def test_a_server_that_goes_away_comes_back(self):
        self.work.collect_json()
        ports = (self.work.server.imap_port, self.work.server.imaps_port)
        with self.work.serve():
            api = self.work.api()
            self.work.server.stop()
            self.assertEqual(200, api.status_of("/v1/messages?limit=1")[0])
            self.work.server.start()
            self.assertEqual(ports, (self.work.server.imap_port, self.work.server.imaps_port))
            self.work.append("bob", RAW)
            count = self.work.on_server().total()
            wait_until(self.all_collected(api, count), "the message after the outage", 120)


if __name__ == "__main__":
    main()
