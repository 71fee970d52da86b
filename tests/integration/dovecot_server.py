"""The demo's private Dovecot with the face of the tests' servers, and varieties of it."""

import base64
import hashlib
import hmac
import secrets

import dovecot
from mail_server import MailServer
from token_server import TokenServer


class DovecotServer(MailServer, dovecot.PrivateDovecot):
    """See there for the options."""

    login_pattern = r"-login: Info: Login:"


# A server that can do little; Dovecot's own list has all of what mailhaul knows.
PLAIN_IMAP = "IMAP4rev1 SASL-IR LITERAL+ ID IDLE NAMESPACE UIDPLUS"


def with_capabilities(names):
    """Settings that make Dovecot call itself a server with these extensions only."""
    return f"protocol imap {{\n  imap_capability = {names}\n}}\n"


class Pop3Dovecot(DovecotServer):
    """Speaks POP3 too, and is to be asked over that."""

    protocol = "pop3"

    def _configuration(self):
        if self.pop3_port == 0:
            self.pop3_port, self.pop3s_port = dovecot.free_ports(2)
        return super()._configuration() + f"""protocols = imap pop3
service pop3-login {{
  inet_listener pop3 {{
    port = {self.pop3_port}
  }}
  inet_listener pop3s {{
    port = {self.pop3s_port}
    ssl = yes
  }}
}}
"""


class ScramDovecot(DovecotServer):
    """Takes SCRAM-SHA-256 (RFC 7677) and nothing else."""

    def __init__(self, folder, users, *, settings="", **options):
        super().__init__(folder, users, settings="auth_mechanisms = scram-sha-256\n" + settings,
                         **options)

    def log_in(self, connection, user):
        nonce = base64.b64encode(secrets.token_bytes(18)).decode()
        bare = f"n={user},r={nonce}"

        def answer(challenge):
            if not challenge:
                return "n,," + bare
            if challenge.startswith(b"v="):
                return ""
            fields = dict(part.split("=", 1) for part in challenge.decode().split(","))
            salted = hashlib.pbkdf2_hmac("sha256", self.users[user].encode(),
                                         base64.b64decode(fields["s"]), int(fields["i"]))
            client_key = hmac.digest(salted, b"Client Key", "sha256")
            final = f"c=biws,r={fields['r']}"
            signature = hmac.digest(hashlib.sha256(client_key).digest(),
                                    f"{bare},{challenge.decode()},{final}".encode(), "sha256")
            proof = bytes(ours ^ theirs for ours, theirs in zip(client_key, signature))
            return f"{final},p={base64.b64encode(proof).decode()}"
        connection.authenticate("SCRAM-SHA-256", answer)


class OauthDovecot(DovecotServer):
    """Takes access tokens of its own TokenServer, by the given SASL mechanism, and no password."""

    mechanism = "xoauth2"

    def __init__(self, folder, users, **options):
        self.tokens = TokenServer(users)
        self.tokens.start()
        super().__init__(folder, users, settings=f"""auth_mechanisms = {self.mechanism}
passdb {{
  driver = oauth2
  mechanisms = {self.mechanism}
  args = {folder}/oauth2.conf
}}
""", **options)
        (self.folder / "oauth2.conf").write_text(
            f"tokeninfo_url = {self.tokens.url}/tokeninfo?access_token=\n"
            "username_attribute = email\n")

    def log_in(self, connection, user):
        token = self.tokens.mint(user)
        connection.authenticate("XOAUTH2" if self.mechanism == "xoauth2" else "OAUTHBEARER",
                                lambda _: self.response(user, token))

    def response(self, user, token):
        if self.mechanism == "xoauth2":
            return f"user={user}\1auth=Bearer {token}\1\1"
        return f"n,a={user},\1auth=Bearer {token}\1\1"


class OauthBearerDovecot(OauthDovecot):
    mechanism = "oauthbearer"


class CompressingDovecot(DovecotServer):
    """Offers COMPRESS=DEFLATE (RFC 4978), and writes down what every session says."""

    def __init__(self, folder, users, **options):
        super().__init__(folder, users, settings="""protocol imap {
  mail_plugins = $mail_plugins imap_zlib
  rawlog_dir = %h/rawlog
}
""", **options)

    def start(self):
        for user in self.users:
            (self.folder / "mail" / user / "rawlog").mkdir(parents=True, exist_ok=True)
        return super().start()

    def said_by_clients(self, user):
        return b"".join(path.read_bytes() for path in
                        (self.folder / "mail" / user / "rawlog").glob("*.in"))
