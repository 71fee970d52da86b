"""The HTTP endpoint over TLS, with clients that are not ours: curl and OpenSSL's s_client."""

import concurrent.futures
import contextlib
import hashlib
import http.client
import json
import os
import signal
import socket
import ssl
import subprocess

from support import BINARY, IntegrationTest, dovecot, main, program, wait_until

CLIENTS = 60
LARGE_BYTES = 24 * 1024 * 1024
SECONDS_MAX = 60
PIECE = 64 * 1024


class HttpsTest(IntegrationTest):

    counts = {"alice": 10}

    def setUp(self):
        super().setUp()
        tls = self.work.folder / "https"
        if not tls.exists():
            tls.mkdir()
            dovecot.make_authority(tls)
            dovecot.make_certificate(tls, ("localhost", "127.0.0.1"))
        self.ca_file = tls / "ca.pem"
        self.context = ssl.create_default_context(cafile=str(self.ca_file))
        self.configuration = self.work.configuration
        text = self.configuration.read_text()
        self.configuration.write_text(text.replace(
            "http:\n", f"http:\n  tls: {{certificate: {tls}/server.pem, key: {tls}/server.key}}\n"))

    def serve(self):
        return program.Server(BINARY, self.configuration, self.work.http_port,
                              self.work.folder / "serve.log", tls=self.context)

    def api(self):
        return program.Api(self.work.http_port, self.work.token, self.context)

    def connect(self):
        return http.client.HTTPSConnection("localhost", self.work.http_port, timeout=SECONDS_MAX,
                                           context=self.context)

    def curl(self, *arguments):
        return subprocess.run(
            ["curl", "-sS", "--max-time", str(SECONDS_MAX), *arguments],
            capture_output=True, text=True, stdin=subprocess.DEVNULL)

    def client(self, *arguments):
        """OpenSSL's own client: the handshake alone."""
        return subprocess.run(
            ["openssl", "s_client", "-connect", f"localhost:{self.work.http_port}", "-CAfile",
             str(self.ca_file), "-verify_return_error", *arguments],
            capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=SECONDS_MAX)

    def large_message(self):
        """Its id and its bytes' SHA-256, once it is collected."""
        line = b"0123456789" * 7 + b"\r\n"
        raw = b"Subject: large\r\n\r\n" + line * (LARGE_BYTES // len(line))
        self.work.append("alice", raw)

        def found():
            return self.api().get("/v1/messages?mailbox=alice&subject=large&limit=5")["items"]
        return wait_until(found, "the large message")[0]["id"], hashlib.sha256(raw).hexdigest()

    def test_curl_and_openssl_speak_it(self):
        base = f"https://localhost:{self.work.http_port}"
        with self.serve():
            done = self.curl("--cacert", str(self.ca_file), "-w", "%{http_code}",
                             base + "/healthz")
            self.assertEqual('{"status":"ok"}200', done.stdout.replace("\n", ""), done.stderr)
            done = self.curl("--cacert", str(self.ca_file), "-H",
                             f"Authorization: Bearer {self.work.token}", base + "/v1/mailboxes")
            self.assertEqual(["alice"], [box["id"] for box in json.loads(done.stdout)["items"]])
            # Not trusted, and not TLS.
            self.assertEqual(60, self.curl(base + "/healthz").returncode)
            plain = self.curl("-w", "%{http_code}", base.replace("https", "http") + "/healthz")
            self.assertIn("tls_required", plain.stdout)
            self.assertTrue(plain.stdout.endswith("400"), plain.stdout)
            for version in ("-tls1_2", "-tls1_3"):
                done = self.client(version)
                self.assertEqual(0, done.returncode, done.stderr)
                self.assertIn("Verify return code: 0 (ok)", done.stdout)
            self.assertNotEqual(0, self.client("-tls1_1", "-cipher", "ALL@SECLEVEL=0").returncode)
            self.assertEqual(200, self.api().status_of("/healthz")[0])

    def test_many_clients_at_once_and_many_that_only_connect(self):
        with contextlib.ExitStack() as stack, self.serve():
            address = ("127.0.0.1", self.work.http_port)
            for number in range(CLIENTS):
                silent = stack.enter_context(socket.create_connection(address, SECONDS_MAX))
                if number % 2:
                    silent.sendall(b"\x16\x03\x01\x02\x00\x01\x00")  # And not the rest of it.
            with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
                answers = list(pool.map(lambda _: self.api().status_of("/v1/messages?limit=5"),
                                        range(CLIENTS)))
            self.assertEqual([200] * CLIENTS, [status for status, _ in answers])

    def test_a_large_message_streams_and_a_drain_lets_it_end(self):
        with self.serve() as server:
            number, digest = self.large_message()
            self.assertEqual(digest, hashlib.sha256(self.api().raw(number)).hexdigest())
            connection, idle = self.connect(), self.connect()
            with contextlib.closing(connection), contextlib.closing(idle):
                idle.connect()
                connection.request("GET", f"/v1/messages/{number}/raw", headers={
                    "Authorization": f"Bearer {self.work.token}"})
                answer = connection.getresponse()
                seen = hashlib.sha256(answer.read(PIECE))
                os.kill(server.process.pid, signal.SIGTERM)
                # The idle one is closed in good order; the other one gets all of its answer.
                self.assertEqual(b"", idle.sock.recv(1))
                while piece := answer.read(PIECE):
                    seen.update(piece)
                self.assertEqual(digest, seen.hexdigest())
            self.assertEqual(0, server.process.wait(SECONDS_MAX))

    def test_a_key_of_another_certificate_is_refused(self):
        other = self.work.folder / "other"
        other.mkdir()
        dovecot.make_authority(other)
        dovecot.make_certificate(other, ("localhost",))
        text = self.configuration.read_text()
        self.configuration.write_text(text.replace("https/server.key", "other/server.key"))
        done = self.work.run("check", "-c", self.configuration)
        self.assertEqual(2, done.returncode, done.stderr)
        self.assertRegex(done.stderr, r"mailhaul\.yaml:\d+:\d+: .*(key|certificate)")


if __name__ == "__main__":
    main()
