"""`mailhaul check --online`: what can be reached, what cannot, and why; nothing is written."""

import json

from support import IntegrationTest, main


class CheckOnlineTest(IntegrationTest):

    counts = {"alice": 25, "bob": 22}

    def check(self, expected_code, *arguments):
        done = self.work.run("check", "-c", self.work.configuration, "--online", *arguments)
        self.assertEqual(expected_code, done.returncode, done.stdout + done.stderr)
        return done.stdout

    def codes(self, expected_code):
        report = json.loads(self.check(expected_code, "--json"))
        return report, {line["mailbox"]: line for line in report["mailboxes"]}

    def test_all_is_well_and_nothing_is_kept(self):
        report, lines = self.codes(0)
        self.assertEqual((2, 2, False),
                         (report["total"], report["ok"], report["from_running_server"]))
        self.assertEqual({"ok"}, {line["code"] for line in lines.values()})
        self.assertFalse(self.work.data.exists())
        self.assertIn("2 of 2 mailboxes", self.check(0))

    def test_what_fails_is_told_with_the_reason(self):
        self.work.configuration = self.work.configure(
            mailboxes=[self.work.mailbox("alice", password="wrong"), self.work.mailbox("bob")])
        report, lines = self.codes(1)
        self.assertEqual(1, report["ok"])
        self.assertEqual("auth_failed", lines["acme/alice"]["code"])
        self.assertTrue(lines["acme/alice"]["detail"])
        self.assertEqual("ok", lines["acme/bob"]["code"])
        table = self.check(1)
        self.assertIn("auth_failed", table)
        self.assertNotIn("wrong", table)
        self.assert_plain_text(table)

    def test_a_running_server_is_asked_instead_of_logged_in_beside(self):
        self.work.collect_json()
        with self.work.serve():
            report, lines = self.codes(0)
        self.assertTrue(report["from_running_server"])
        self.assertEqual({"ok"}, {line["code"] for line in lines.values()})


if __name__ == "__main__":
    main()
