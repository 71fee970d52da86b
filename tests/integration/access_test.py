"""Other ways in than a password in the clear, and compressed."""

import json
import secrets

from support import IntegrationTest, main
from dovecot_server import CompressingDovecot, OauthBearerDovecot, OauthDovecot, ScramDovecot
from token_server import CLIENT_ID, CLIENT_SECRET

EXIT_INTERRUPTED = 4  # Else it would wait until the server is less crowded.


class SameMail:

    counts = {"alice": 40}

    def test_everything_arrives_and_a_second_run_fetches_nothing(self):
        first = self.work.collect_json()
        held = self.assert_store_holds_everything()
        self.assertEqual(held.total(), first["messages"]["stored"])
        again = self.work.collect_json()
        self.assertEqual((0, 0), (again["messages"]["fetched"], again["bytes"]["fetched"]))
        self.assert_mailboxes(again, complete=1, failed=0)

    def fails_with_auth(self, **changes):
        self.work.configuration = self.work.configure(
            mailboxes=[self.work.mailbox("alice", **changes)])
        summary = self.work.collect_json(expected_code=1)
        self.assertEqual(["auth_failed"], [each["code"] for each in summary["failures"]])
        return summary["failures"][0]["detail"]


class ScramTest(SameMail, IntegrationTest):
    options = {"server": ScramDovecot}

    def test_a_wrong_password_is_refused(self):
        self.assertNotIn("not the one", self.fails_with_auth(password="not the one"))


class Oauth(SameMail):

    def setUp(self):
        super().setUp()
        self.oauth2 = {"token_url": self.work.server.tokens.url + "/token", "client_id": CLIENT_ID,
                       "client_secret": CLIENT_SECRET,
                       "refresh_token": f"refresh/{self.work.boxes['alice']}+="}
        self.work.configuration = self.work.configure(
            mailboxes=[self.work.mailbox("alice", oauth2=self.oauth2)])

    def test_one_token_serves_many_sessions(self):
        before = self.work.server.tokens.granted
        self.work.collect_json()
        self.assertEqual(before + 1, self.work.server.tokens.granted)

    def test_a_replaced_refresh_token_outlives_the_process_and_a_change_of_keys(self):
        tokens = self.work.server.tokens
        before = dict(tokens.refresh_tokens)
        tokens.rotating = True
        self.addCleanup(tokens.refresh_tokens.update, before)
        self.addCleanup(setattr, tokens, "rotating", False)
        keys = [self.work.folder / name for name in ("first.key", "second.key")]
        for key in keys:
            key.write_text(secrets.token_hex(32) + "\n")
            key.chmod(0o600)
        self.use_master_key(keys[0])
        for _ in range(3):
            self.work.collect_json()
        self.assertNotIn(self.oauth2["refresh_token"], tokens.refresh_tokens)
        done = self.work.run("check", "-c", self.work.configuration, "--online")
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        done = self.work.run("secret", "rotate", "-c", self.work.configuration, "--to", keys[1])
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        self.assertIn("1 secrets", done.stdout)
        self.use_master_key(keys[1])
        self.work.collect_json()
        current, = [token for token, user in tokens.refresh_tokens.items()
                    if user == self.work.boxes["alice"]]
        for file in self.work.data.glob("**/*"):
            self.assertFalse(file.is_file() and current.encode() in file.read_bytes(), file)

    def use_master_key(self, path):
        self.work.configuration = self.work.configure(
            mailboxes=[self.work.mailbox("alice", oauth2=self.oauth2)], master_key=path)

    def test_a_withdrawn_refresh_token_is_told(self):
        self.fails_with_auth(oauth2={**self.oauth2, "refresh_token": "withdrawn"})


class Xoauth2Test(Oauth, IntegrationTest):
    options = {"server": OauthDovecot}


class OauthBearerTest(Oauth, IntegrationTest):
    options = {"server": OauthBearerDovecot}


class CompressTest(SameMail, IntegrationTest):
    options = {"server": CompressingDovecot}

    def setUp(self):
        super().setUp()
        self.work.configuration = self.work.configure(compress=True)

    def test_large_messages_come_compressed(self):
        self.work.append("alice", b"Subject: large\r\n\r\n" + b"The same line.\r\n" * 20_000)
        self.work.collect_json()
        self.assert_store_holds_everything()
        said = self.work.server.said_by_clients(self.work.boxes["alice"])
        self.assertIn(b" COMPRESS DEFLATE\r\n", said)


class CrowdedServerTest(IntegrationTest):
    """The server lets each user in from one address once at a time, and somebody is in."""

    counts = {"alice": 22}
    options = {"connections_per_user": 1}

    def test_a_refusal_for_crowding_is_no_matter_of_credentials(self):
        with self.work.server.session(self.work.boxes["alice"]):
            done = self.work.collect("--json", "--max-time", "2s")
        self.assertEqual(EXIT_INTERRUPTED, done.returncode, done.stderr)
        self.assertRegex(done.stderr, r"acme/alice: throttled: .*\[LIMIT\]")
        summary = json.loads(done.stdout)
        self.assertEqual([], [each for each in summary["failures"] if each["code"] != "throttled"])
        self.assertEqual(0, summary["messages"]["fetched"])
        self.assertEqual(22, self.work.collect_json()["messages"]["fetched"])
        self.assert_store_holds_everything()


if __name__ == "__main__":
    main()
