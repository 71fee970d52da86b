"""What goes wrong in practice: each error names place and remedy, and harms nothing else."""

import json
import socket
import socketserver
import threading

from support import IntegrationTest, dovecot, main

EXIT_SOME_FAILED = 1
EXIT_CONFIGURATION = 2
EXIT_STORE = 3
SECRET = "wrong-and-secret"


class SourceErrorTest(IntegrationTest):

    counts = {"alice": 22, "bob": 22}

    def collect_with_bad_alice(self, **changes):
        """Alice's source is wrong, Bob's is not; returns what is said about Alice."""
        self.work.configuration = self.work.configure(
            mailboxes=[self.work.mailbox("alice", **changes), self.work.mailbox("bob")])
        summary = self.work.collect_json(expected_code=EXIT_SOME_FAILED)
        self.assert_mailboxes(summary, complete=1, failed=1)
        self.assertEqual(22, summary["messages"]["stored"], "the other mailbox must not suffer")
        failure, = summary["failures"]
        self.assertEqual("acme/alice", failure["mailbox"])
        return failure

    def test_an_unreachable_host_is_named_with_its_port(self):
        port, = dovecot.free_ports(1)
        failure = self.collect_with_bad_alice(port=port, host="127.0.0.1")
        self.assertEqual("unreachable", failure["code"])
        self.assertIn(f"127.0.0.1:{port}", failure["detail"])
        self.assertRegex(failure["detail"], r"(?i)refused")

    def test_an_unknown_host_is_named(self):
        failure = self.collect_with_bad_alice(host="no-such-host.invalid")
        self.assertEqual("unreachable", failure["code"])
        self.assertIn("no-such-host.invalid", failure["detail"])

    def test_a_wrong_password_is_told_but_never_shown(self):
        failure = self.collect_with_bad_alice(password=SECRET)
        self.assertEqual("auth_failed", failure["code"])
        self.assertNotIn(SECRET, str(failure))
        self.assertNotIn(SECRET, self.work.collect().stderr)

    def test_the_failed_mailbox_is_listed_for_people_too(self):
        self.work.configuration = self.work.configure(
            mailboxes=[self.work.mailbox("alice", password=SECRET), self.work.mailbox("bob")])
        done = self.work.collect()
        self.assertEqual(EXIT_SOME_FAILED, done.returncode)
        self.assertIn("acme/alice", done.stdout + done.stderr)
        self.assertIn("auth_failed", done.stdout + done.stderr)

    def test_after_the_remedy_everything_arrives(self):
        self.collect_with_bad_alice(password=SECRET)
        self.work.configuration = self.work.configure()
        self.assertEqual(22, self.work.collect_json()["messages"]["fetched"])
        self.assert_store_holds_everything()

    def test_a_server_that_is_none_is_reported_and_left(self):
        class Chatter(socketserver.BaseRequestHandler):
            def handle(self):
                self.request.sendall(b"220 smtp.example ESMTP\r\n" + b"x" * 100_000)
        with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Chatter) as chatter:
            chatter.daemon_threads = True
            threading.Thread(target=chatter.serve_forever, daemon=True).start()
            failure = self.collect_with_bad_alice(port=chatter.server_address[1],
                                                  host="127.0.0.1", security="starttls")
            chatter.shutdown()
        self.assertIn(failure["code"], ("protocol_error", "unreachable"))
        self.assertIn("127.0.0.1", failure["detail"])


class ConfigurationErrorTest(IntegrationTest):

    counts = {"alice": 22}

    def tenant_file(self):
        return self.work.folder / "tenants" / "acme.yaml"

    def check(self):
        return self.work.run("check", "-c", self.work.configuration)

    def test_a_good_configuration_passes(self):
        done = self.check()
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)

    def test_broken_yaml_is_shown_with_line_and_column(self):
        text = self.work.configuration.read_text()
        self.work.configuration.write_text(text.replace("tenants: [", "tenants: [[", 1))
        for command in ("check", "collect", "serve"):
            done = self.work.run(command, "-c", self.work.configuration)
            self.assertEqual(EXIT_CONFIGURATION, done.returncode, done.stdout + done.stderr)
            self.assertRegex(done.stdout + done.stderr, r"mailhaul\.yaml:\d+:\d+: ")

    def test_an_unknown_key_is_shown_with_line_column_and_a_suggestion(self):
        text = self.tenant_file().read_text()
        self.tenant_file().write_text(text.replace("mailboxes:", "mailboxs:", 1))
        line = text[:text.index("mailboxes:")].count("\n") + 1
        done = self.check()
        self.assertEqual(EXIT_CONFIGURATION, done.returncode)
        self.assertIn(f"acme.yaml:{line}:1: ", done.stdout + done.stderr)
        self.assertIn("mailboxes", done.stdout + done.stderr)

    def test_a_bad_tenant_file_does_not_take_down_the_others(self):
        (self.work.folder / "tenants" / "broken.yaml").write_text("tenant: [\n")
        self.addCleanup((self.work.folder / "tenants" / "broken.yaml").unlink)
        self.assertEqual(EXIT_CONFIGURATION, self.check().returncode)
        done = self.work.collect("--json")
        self.assertEqual(EXIT_CONFIGURATION, done.returncode, done.stderr)
        self.assertIn("broken.yaml:", done.stderr)
        self.assertEqual(1, json.loads(done.stdout)["mailboxes"]["complete"])
        self.assert_store_holds_everything()

    def test_a_missing_file_is_named(self):
        done = self.work.run("collect", "-c", self.work.folder / "absent.yaml")
        self.assertEqual(EXIT_CONFIGURATION, done.returncode)
        self.assertIn("absent.yaml", done.stderr)

    def test_a_missing_password_file_is_named(self):
        (self.work.folder / "secrets" / "acme-alice").unlink()
        done = self.check()
        self.assertEqual(EXIT_CONFIGURATION, done.returncode)
        self.assertRegex(done.stdout + done.stderr, r"acme\.yaml:\d+:\d+: .*acme-alice")

    def test_unknown_commands_and_options_are_refused(self):
        for arguments in (("frobnicate",), ("collect",), ("collect", "--nonsense"), ()):
            done = self.work.run(*arguments)
            self.assertEqual(EXIT_CONFIGURATION, done.returncode, f"{arguments}: {done.stderr}")

    def test_help_and_version_are_there(self):
        self.assertIn("collect", self.work.run("--help").stdout)
        done = self.work.run("--version")
        self.assertEqual(0, done.returncode)
        self.assertRegex(done.stdout, r"\d+\.\d+\.\d+")


class StoreErrorTest(IntegrationTest):

    counts = {"alice": 22}

    def test_a_second_process_is_refused_while_one_serves(self):
        self.work.collect_json()
        with self.work.serve():
            done = self.work.collect()
            self.assertEqual(EXIT_STORE, done.returncode, done.stderr)
            self.assertIn(str(self.work.data), done.stderr)
            self.assertRegex(done.stderr, r"(?i)lock|in use|another")
            self.assertEqual(200, self.work.api().status_of("/v1/mailboxes")[0])
        self.assert_store_holds_everything()

    def test_a_port_in_use_is_named(self):
        with socket.create_server(("127.0.0.1", self.work.http_port)):
            done = self.work.run("serve", "-c", self.work.configuration)
        self.assertNotEqual(0, done.returncode)
        self.assertIn(f"127.0.0.1:{self.work.http_port}", done.stderr)
        self.assertRegex(done.stderr, r"(?i)in use")

    def test_a_data_folder_that_cannot_be_made_is_named(self):
        blocked = self.work.folder / "a-file"
        blocked.write_text("not a folder")
        self.work.configuration = self.work.configure(data_dir=blocked / "data")
        done = self.work.collect()
        self.assertIn(done.returncode, (EXIT_CONFIGURATION, EXIT_STORE), done.stderr)
        self.assertIn(str(blocked), done.stderr)


if __name__ == "__main__":
    main()
