"""An OAuth 2.0 authorization server on loopback: gives mailhaul access tokens for refresh tokens,
and tells Dovecot whose a token is."""

import http.server
import json
import secrets
import threading
import urllib.parse

LIFETIME_SECONDS = 3600
CLIENT_ID, CLIENT_SECRET = "mailhaul-test", "client secret, 5 words & more"


class TokenServer:
    """`refresh_tokens` maps each to its user. With `rotating`, each is good for one use, and its
    answer brings the next one."""

    def __init__(self, users):
        self.refresh_tokens = {f"refresh/{user}+=": user for user in users}
        self.access_tokens = {}
        self.granted = 0
        self.rotating = False
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                length = int(self.headers["Content-Length"])
                form = urllib.parse.parse_qs(self.rfile.read(length).decode("ascii"))
                self.answer(*outer.grant({key: value[0] for key, value in form.items()}))

            def do_GET(self):
                query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
                user = outer.access_tokens.get(query.get("access_token", [""])[0])
                if user is None:
                    self.answer(401, {"error": "invalid_token"})
                else:
                    self.answer(200, {"email": user, "expires_in": LIFETIME_SECONDS})

            def answer(self, status, fields):
                body = json.dumps(fields).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def grant(self, form):
        user = self.refresh_tokens.get(form.get("refresh_token"))
        if form.get("grant_type") != "refresh_token":
            return 400, {"error": "unsupported_grant_type"}
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
            return 401, {"error": "invalid_client"}
        if user is None:
            return 400, {"error": "invalid_grant"}
        self.granted += 1
        answer = {"access_token": self.mint(user), "token_type": "Bearer",
                  "expires_in": LIFETIME_SECONDS}
        if self.rotating:
            del self.refresh_tokens[form["refresh_token"]]
            answer["refresh_token"] = secrets.token_urlsafe(24)
            self.refresh_tokens[answer["refresh_token"]] = user
        return 200, answer

    def mint(self, user):
        token = secrets.token_urlsafe(24)
        self.access_tokens[token] = user
        return token

    def start(self):
        self._thread.start()

    def stop(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
