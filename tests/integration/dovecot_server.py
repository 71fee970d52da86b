"""The demo's private Dovecot with the face of the tests' servers, and options to vary it."""

import dovecot
from mail_server import MailServer


class DovecotServer(MailServer, dovecot.PrivateDovecot):
    """See there for the options."""

    login_pattern = r"-login: Info: Login:"


# What a server is called that lacks what Dovecot has; the value is its CAPABILITY.
PLAIN_IMAP = "IMAP4rev1 SASL-IR LITERAL+ ID ENABLE IDLE NAMESPACE UIDPLUS"
WITHOUT_QRESYNC = PLAIN_IMAP + " UNSELECT MOVE ESEARCH SPECIAL-USE LIST-EXTENDED LIST-STATUS"


def with_capabilities(names):
    """Settings that make Dovecot call itself a server with these extensions only."""
    return f"protocol imap {{\n  imap_capability = {names}\n}}\n"


COMPRESSED = "protocol imap {\n  mail_plugins = $mail_plugins imap_zlib\n}\n"
