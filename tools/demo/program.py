"""Runs the mailhaul program and talks to its HTTP endpoint."""

import contextlib
import json
import pathlib
import subprocess
import time
import urllib.error
import urllib.request

import dovecot

START_SECONDS_MAX = 30
STOP_SECONDS_MAX = 60
REQUEST_SECONDS_MAX = 60


class ProgramError(Exception):
    """mailhaul ended or did not answer; the message holds what it wrote."""


class Api:
    """What one tenant's token sees. `tls`: an SSL context, for an endpoint that speaks TLS."""

    def __init__(self, port, token, tls=None):
        self.base = f"https://localhost:{port}" if tls else f"http://127.0.0.1:{port}"
        self.token, self.tls = token, tls

    def open(self, path, token=None):
        request = urllib.request.Request(self.base + path)
        if token or self.token:
            request.add_header("Authorization", f"Bearer {token or self.token}")
        return urllib.request.urlopen(request, timeout=REQUEST_SECONDS_MAX, context=self.tls)

    def get(self, path):
        with self.open(path) as response:
            return json.load(response)

    def raw(self, message_id):
        with self.open(f"/v1/messages/{message_id}/raw") as response:
            return response.read()

    def status_of(self, path, token=None):
        """The HTTP status alone, and the body as text."""
        try:
            with self.open(path, token) as response:
                return response.status, response.read().decode("utf-8", "replace")
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode("utf-8", "replace")

    def all(self, path):
        """Every item of a list, page after page."""
        cursor, join = None, "&" if "?" in path else "?"
        while True:
            page = self.get(path + (f"{join}cursor={cursor}" if cursor else ""))
            yield from page["items"]
            cursor = page.get("next_cursor")
            if not cursor:
                return


class Server:
    """`mailhaul serve` as a child process of ours. Use it as a context manager.

    `environment`: its variables; None for our own. `tls`: as of Api.
    """

    def __init__(self, binary, configuration, port, log, environment=None, tls=None):
        self.command = [str(binary), "serve", "-c", str(configuration)]
        self.port, self.log, self.environment = port, pathlib.Path(log), environment
        self.tls = tls
        self.process = None

    def start(self):
        with open(self.log, "ab") as output:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=output,
                                            stderr=output, start_new_session=True,
                                            env=self.environment,
                                            preexec_fn=dovecot.die_with_parent)
        deadline = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                if Api(self.port, None, self.tls).status_of("/healthz")[0] == 200:
                    return self
            with contextlib.suppress(subprocess.TimeoutExpired):
                code = self.process.wait(timeout=0.05)
                raise ProgramError(f"mailhaul serve ended with {code}:\n{self.log_tail()}")
        self.stop()
        raise ProgramError(f"mailhaul serve does not answer /healthz:\n{self.log_tail()}")

    def stop(self):
        """Asks it to drain; returns its exit code."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=STOP_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise ProgramError(f"mailhaul serve ignored SIGTERM for {STOP_SECONDS_MAX} s:\n"
                                   f"{self.log_tail()}") from None
        return self.process.returncode

    def log_tail(self, lines=30):
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()
