"""A private Cyrus: IMAP, in the clear with STARTTLS and over TLS."""

from chroot_server import ChrootServer

PROGRAMS = "/usr/lib/cyrus/bin"


class PrivateCyrus(ChrootServer):
    """Mailboxes of its own format; refuses bare line feeds; CONDSTORE, QRESYNC, ESEARCH and all
    that Dovecot has too, in another dialect."""

    name = user = "cyrus"
    imap_port = imaps_port = 0
    login_pattern = r"login: .* User logged in"

    def configure(self):
        for name in ("var/lib/cyrus", "var/lib/cyrus/db", "var/spool/cyrus", "run/cyrus",
                     "run/cyrus/proc", "run/cyrus/lock", "run/cyrus/socket"):
            self.make_folder(name)
        self.write("etc/imapd.conf", f"""configdirectory: /var/lib/cyrus
proc_path: /run/cyrus/proc
mboxname_lockpath: /run/cyrus/lock
defaultpartition: default
partition-default: /var/spool/cyrus
cyrus_user: {self.user}
cyrus_group: {self.user}
virtdomains: userid
unixhierarchysep: yes
altnamespace: yes
autocreate_quota: 0
autocreate_inbox_folders: Sent|Drafts|Trash
xlist-sent: Sent
xlist-drafts: Drafts
xlist-trash: Trash
allowplaintext: yes
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_sasldb_path: /etc/sasldb2
sasl_mech_list: PLAIN LOGIN
tls_server_cert: /tls/server.pem
tls_server_key: /tls/server.key
tls_session_timeout: 0
idlesocket: /run/cyrus/socket/idle
skiplist_unsafe: yes
munge8bit: no
conversations: no
syslog_prefix: cyrus
""")
        self.write("etc/cyrus.conf", f"""START {{
  recover cmd="{PROGRAMS}/ctl_cyrusdb -r"
}}
SERVICES {{
  imap cmd="{PROGRAMS}/imapd" listen="127.0.0.1:{self.imap_port}" prefork=0
  imaps cmd="{PROGRAMS}/imapd -s" listen="127.0.0.1:{self.imaps_port}" prefork=0
}}
DAEMON {{
  idled cmd="{PROGRAMS}/idled"
}}
EVENTS {{
}}
""")
        for user, password in self.users.items():
            name, _, domain = user.partition("@")
            self.run(["/usr/sbin/saslpasswd2", "-p", "-c", "-f", "/etc/sasldb2", "-u", domain,
                      name], text=password)
        database = self.root / "etc/sasldb2"
        database.chmod(0o644)

    def launch(self):
        self.configure()
        self.spawn([f"{PROGRAMS}/master", "-p", "/run/cyrus/master.pid", "-M", "/etc/cyrus.conf",
                    "-C", "/etc/imapd.conf"], as_user=True)
