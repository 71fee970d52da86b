"""Webhooks of a running server: signed, in order, and none lost by a kill or a dead endpoint."""

import base64
import hashlib
import hmac
import http.server
import json
import signal
import threading
import urllib.request

import monitoring
from support import IntegrationTest, main, program, wait_until

KEY = b"0123456789abcdef0123456789abcdef"
SECRET = "whsec_" + base64.b64encode(KEY).decode()


class Endpoint:
    """Takes POSTs, after refusing as many as it is told to."""

    def __init__(self):
        self.posts, self.refusals = [], 0
        self.lock = threading.Lock()
        endpoint = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):  # noqa: N802
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(endpoint.take(self.path, dict(self.headers), body))
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def take(self, path, fields, body):
        with self.lock:
            if self.refusals:
                self.refusals -= 1
                return 500
            self.posts.append((path, {name.lower(): value for name, value in fields.items()}, body))
            return 204

    def events(self):
        with self.lock:
            return [event for _, _, body in self.posts for event in json.loads(body)["events"]]

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


class WebhookTest(IntegrationTest):

    counts = {"alice": 20, "bob": 20}

    def setUp(self):
        self.endpoint = Endpoint()
        self.addCleanup(self.endpoint.close)
        super().setUp()
        self.total = self.work.on_server().total()
        path = self.work.folder / "tenants" / "acme.yaml"
        path.write_text(path.read_text() + f"""webhooks:
  - url: http://127.0.0.1:{self.endpoint.port}/hook?key=hidden-in-the-query
    secret: {SECRET}
""")

    def assert_ordered_and_whole(self, events):
        """Each event of the change log at least once, and those of each mailbox in order."""
        changes = self.work.api().get("/v1/changes?limit=1000")["changes"]
        told = {}
        for event in events:
            told.setdefault(event["id"], event)
        self.assertEqual({change["seq"] for change in changes}, set(told))
        for mailbox in ("alice", "bob"):
            order = [change["seq"] for change in changes if change["mailbox"] == mailbox]
            self.assertEqual(order, [seq for seq, event in told.items()
                                     if event["mailbox"] == mailbox])
        for change in changes:
            self.assertEqual(change["message"], told[change["seq"]]["message"])

    def count_of(self, events):
        return len({event["id"] for event in events})

    def test_every_message_is_told_signed_and_in_order(self):
        with self.work.serve():
            wait_until(lambda: self.count_of(self.endpoint.events()) == self.total, "all events")
            self.assert_ordered_and_whole(self.endpoint.events())
            for path, fields, body in self.endpoint.posts:
                self.assertEqual("/hook?key=hidden-in-the-query", path)
                text = f"{fields['webhook-id']}.{fields['webhook-timestamp']}.".encode() + body
                made = base64.b64encode(hmac.new(KEY, text, hashlib.sha256).digest()).decode()
                self.assertEqual(f"v1,{made}", fields["webhook-signature"])
            ids = [fields["webhook-id"] for _, fields, _ in self.endpoint.posts]
            self.assertEqual(len(ids), len(set(ids)))
            (state,) = self.work.api().get("/v1/webhooks")["items"]
            self.assertEqual(("ok", f"127.0.0.1:{self.endpoint.port}", self.total),
                             (state["state"], state["host"], state["events_sent"]))
            metrics = self.work.api().status_of("/metrics")[1]
            self.assertRegex(metrics, r'mailhaul_webhook_events_total{tenant="acme",webhook="1",'
                                      rf'host="127.0.0.1:\d+"}} {self.total}\n')
            self.assertEqual(set(), monitoring.unknown_names(metrics))
            self.assertEqual(set(), monitoring.unknown_labels(metrics))
        log = self.work.folder.joinpath("serve.log").read_text()
        self.assertNotIn("hidden-in-the-query", log)
        self.assertNotIn(SECRET, log)

    def test_a_kill_and_a_failing_endpoint_lose_nothing(self):
        self.endpoint.refusals = 2
        server = self.work.serve()
        with server:
            # The endpoint knows of its refusal before the server does.
            state, = wait_until(
                lambda: [item for item in self.work.api().get("/v1/webhooks")["items"]
                         if item["state"] == "failing"], "a refusal")
            self.assertEqual("server_refused", state["error"]["code"])
            wait_until(lambda: sum(box["messages"] for box in
                                   self.work.api().all("/v1/mailboxes")) == self.total,
                       "all collected")
            server.process.send_signal(signal.SIGKILL)
            server.process.wait()
        with self.work.serve():
            wait_until(lambda: self.count_of(self.endpoint.events()) == self.total, "all events")
            self.assert_ordered_and_whole(self.endpoint.events())
            # Local changes are told as well.
            message = self.work.api().get("/v1/messages?limit=1")["items"][0]["id"]
            request = urllib.request.Request(
                f"http://127.0.0.1:{self.work.http_port}/v1/messages/{message}", method="PATCH",
                data=b'{"tags": ["told"]}',
                headers={"Authorization": f"Bearer {self.work.token}",
                         "Content-Type": "application/json"})
            urllib.request.urlopen(request, timeout=program.REQUEST_SECONDS_MAX).close()
            wait_until(lambda: self.count_of(self.endpoint.events()) == self.total + 1,
                       "the change")
            self.assertEqual(("message.updated", message),
                             tuple(self.endpoint.events()[-1][key] for key in ("type", "message")))

    def test_a_new_webhook_begins_with_what_happens_next(self):
        path = self.work.folder / "tenants" / "acme.yaml"
        with_webhook = path.read_text()
        path.write_text(with_webhook.split("webhooks:")[0])
        self.work.collect_json()
        path.write_text(with_webhook)
        with self.work.serve():
            self.work.append("alice", b"From: a@b.example\r\nSubject: next\r\n\r\nhi\r\n")
            wait_until(self.endpoint.events, "an event")
            (event,) = self.endpoint.events()
            subject = self.work.api().get(f"/v1/messages/{event['message']}")["subject"]
            self.assertEqual(("message.created", "next"), (event["type"], subject))


if __name__ == "__main__":
    main()
