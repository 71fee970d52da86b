"""From POST over HTTP to Postfix and back from Dovecot: delivered once, one copy in Sent, one
message in the store, all of the same bytes."""

import json
import pathlib
import unittest
import urllib.request

from support import Workspace, wait_until  # First: it makes the others importable.
import postfix
from smtp_test import normal, without_trace

USER = "alice@acme.example"
BOB = f"bob@{postfix.DOMAIN}"
HIDDEN = f"carol@{postfix.DOMAIN}"


class SendTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.work = Workspace({"alice": 3})
        cls.addClassCleanup(cls.work.close)
        cls.postfix = postfix.PrivatePostfix({USER: cls.work.server.users[USER]})
        cls.postfix.__enter__()
        cls.addClassCleanup(cls.postfix.__exit__)
        both = cls.work.folder / "both.pem"
        both.write_text("".join(pathlib.Path(file).read_text() for file in (
            cls.work.server.ca_file, cls.postfix.ca_file)))
        cls.work.configure(ca_file=both)
        tenant = cls.work.folder / "tenants" / "acme.yaml"
        tenant.write_text(tenant.read_text() + "    submission: {host: localhost, port: "
                          f"{cls.postfix.starttls_port}, security: starttls}}\n")
        cls.work.server.create(USER, "Sent")

    def post(self, body, path="/v1/submissions", content_type="application/json", key=None):
        request = urllib.request.Request(f"http://127.0.0.1:{self.work.http_port}{path}",
                                         data=body, method="POST")
        request.add_header("Authorization", f"Bearer {self.work.token}")
        request.add_header("Content-Type", content_type)
        if key:
            request.add_header("Idempotency-Key", key)
        with urllib.request.urlopen(request, timeout=20) as response:
            self.assertEqual(202, response.status)
            return json.load(response)["id"]

    def submission(self, number):
        return self.work.api().get(f"/v1/submissions/{number}")

    def last_check(self):
        return self.work.api().get("/v1/mailboxes/alice")["last_complete_at"] or ""

    def copies(self):
        return sum(count for key, count in self.work.server.contents(USER).items()
                   if "Sent" in key)

    def in_sent(self, subject):
        return [item for item in self.work.api().all("/v1/messages?mailbox=alice&folder=Sent")
                if item["subject"] == subject]

    def test_delivered_once_filed_once_and_shown_once(self):
        draft = {"mailbox": "alice", "to": [BOB], "bcc": [HIDDEN], "subject": "Grüße",
                 "text": "Hallo\n.\nBob", "attachments": [
                     {"filename": "a.bin", "content_base64": "AAECAwQ="}]}
        before = self.copies()
        with self.work.serve():
            body = json.dumps(draft).encode()
            number = self.post(body, key="k1")
            self.assertEqual(number, self.post(body, key="k1"))
            wait_until(lambda: self.submission(number)["sent_copy"] == "done", "the copy in Sent")
            sent = self.submission(number)
            self.assertEqual("sent", sent["state"])
            self.assertEqual(["accepted", "accepted"],
                             [one["state"] for one in sent["recipients"]])
            raw = self.work.api().raw(sent["message"])
            self.assertNotIn(HIDDEN.encode(), raw)
            for name in ("bob", "carol"):
                stored = wait_until(lambda name=name: list(
                    self.postfix.delivered(name).values()), f"mail for {name}")
                self.assertEqual([normal(raw)], [without_trace(one) for one in stored])
            checked = self.last_check()
            wait_until(lambda: self.last_check() > checked, "the next check")
            self.assertEqual([sent["message"]], [item["id"] for item in self.in_sent("Grüße")])
            hidden = b"\r\nBcc: " + HIDDEN.encode()
            number = self.post(raw.replace(b"\r\nTo: ", hidden + b"\r\nTo: ")
                               .replace(b"Message-ID: <", b"Message-ID: <again."),
                               "/v1/submissions?mailbox=alice", "message/rfc822")
            wait_until(lambda: self.submission(number)["sent_copy"] == "done", "the second copy")
        self.assertEqual(before + 2, self.copies())
        self.assertTrue(self.work.verify()["sound"])


if __name__ == "__main__":
    unittest.main()
