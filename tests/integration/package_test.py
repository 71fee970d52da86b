"""The Debian package in a throw-away root: installed, used as its unit does, upgraded, removed."""

import os
import pathlib
import re
import shlex
import shutil
import subprocess
import unittest

import package
from package import DATA, MAIN, UNIT
from support import BINARY, IntegrationTest, dovecot, main, program, wait_until

WANTED = "/etc/systemd/system/multi-user.target.wants/mailhaul.service"
STOP_SECONDS_MAX = 45  # TimeoutStopSec= of the unit.


class InstalledServer:
    """The program as the unit starts it. Use it as a context manager."""

    def __init__(self, root, port, token):
        self.root, self.port = root, port
        self.api = program.Api(port, token)

    def __enter__(self):
        unit = self.root.run("cat", UNIT).stdout
        command = shlex.split(re.search(r"(?m)^ExecStart=(.*)$", unit).group(1))
        self.log = open(self.root.folder.parent / "installed.log", "a", encoding="utf-8")
        self.process = subprocess.Popen(
            self.root.command(*command, user="mailhaul"), stdin=subprocess.DEVNULL, stdout=self.log,
            stderr=self.log, preexec_fn=dovecot.die_with_parent,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.log.close()

    def messages(self, work, total):
        def all_there():
            if self.process.poll() is not None:
                raise AssertionError(f"it ended with {self.process.returncode}")
            try:
                found = work.in_store(self.api)
            except (OSError, ValueError):
                return None
            return found if found.total() >= total else None
        try:
            return wait_until(all_there, "the mail", seconds=60)
        except AssertionError as error:
            log = pathlib.Path(self.log.name).read_text(encoding="utf-8")
            raise AssertionError(f"{error}\n{log}") from None

    def drain(self):
        self.process.terminate()
        return self.process.wait(timeout=STOP_SECONDS_MAX)


@unittest.skipUnless(package.can_be_made(), "no cpack here")
class PackageTest(IntegrationTest):

    counts = {"alice": 12, "bob": 5}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.root = package.clean_root(cls, cls.work)
        cls.old = package.make(cls.work.folder / "shared" / "old")
        cls.new = package.with_version(cls.old, cls.work.folder / "shared" / "new", "1.0.1")

    def check_what_is_installed(self):
        self.assertEqual("root:mailhaul 750", self.root.mode("/etc/mailhaul"))
        for folder in ("tenants", "secrets"):
            self.assertEqual("root:mailhaul 2750", self.root.mode(f"/etc/mailhaul/{folder}"))
        self.assertEqual("root:mailhaul 640", self.root.mode(MAIN))
        self.assertEqual("mailhaul:mailhaul 700", self.root.mode(DATA))
        self.assertTrue(self.root.exists(WANTED))
        self.assertIn("/usr/sbin/nologin", self.root.run("getent", "passwd", "mailhaul").stdout)
        for path in ("/usr/share/man/man1/mailhaul.1.gz", "/usr/share/doc/mailhaul/copyright",
                     "/usr/share/doc/mailhaul/operations.md",
                     "/usr/share/doc/mailhaul/examples/example.yaml"):
            self.assertTrue(self.root.exists(path), path)
        self.assertEqual("", self.root.run("dpkg", "--verify", "mailhaul").stdout)
        # Packages left half configured, or whose dependencies are not there.
        self.assertEqual("", self.root.run("dpkg", "--audit", "mailhaul").stdout)

    def check_dependencies(self):
        """Each library that the program names is of a package that ours depends on."""
        depends = self.root.run("dpkg-query", "-W", "-f", "${Depends}", "mailhaul").stdout
        packages = {part.split()[0] for part in depends.split(", ")}
        needed = re.findall(r"NEEDED +(\S+)",
                            subprocess.run(["objdump", "-p", BINARY], check=True,
                                           capture_output=True, text=True).stdout)
        loaded = dict(re.findall(r"(\S+) => (\S+)",
                                 self.root.run("ldd", "/usr/bin/mailhaul").stdout))
        self.assertGreater(len(needed), 10)
        for library in needed:
            path = os.path.realpath(loaded[library])
            # dpkg knows what lies in /usr by the name that its package used.
            owners = subprocess.run(["dpkg", "-S", path, path.removeprefix("/usr")], check=False,
                                    capture_output=True, text=True).stdout
            owner = owners.split(":")[0]
            provides = self.root.run("dpkg-query", "-W", "-f", "${Package}, ${Provides}",
                                     owner).stdout
            self.assertTrue(packages & {part.split()[0] for part in provides.split(", ") if part},
                            f"{library} of {owner}")

    def check_the_unit(self):
        if not shutil.which("systemd-analyze"):
            return
        done = self.root.run("systemd-analyze", "verify", "--man=no", UNIT, check=False)
        # Units of other packages are read, too; what is wrong there is not ours.
        told = [line for line in (done.stdout + done.stderr).splitlines() if "mailhaul" in line]
        self.assertEqual([], told)
        told = self.root.run("systemd-analyze", "security", "--offline=true", "--threshold=20",
                             UNIT, check=False)
        self.assertEqual(0, told.returncode, told.stdout[-300:])

    def test_from_installation_to_purge(self):
        package.install(self.root, self.old)
        self.check_what_is_installed()
        self.check_dependencies()
        self.check_the_unit()
        self.root.run("/var/lib/dpkg/info/mailhaul.postinst", "configure", "1.0.0")  # Once more.
        self.check_what_is_installed()

        check = ("mailhaul", "check", "-c", MAIN)
        done = self.root.run(*check, user="mailhaul", check=False)
        self.assertEqual(2, done.returncode)  # It has no tenant yet, and says where they belong.
        self.assertRegex(done.stderr, r"mailhaul\.yaml:\d+:\d+: .*tenants")
        own = package.configure(self.root, self.work)
        self.root.run(*check, user="mailhaul")

        expected = self.work.on_server()
        with InstalledServer(self.root, self.work.http_port, self.work.token) as server:
            self.assert_same_messages(expected, server.messages(self.work, expected.total()))
            status = self.root.run("mailhaul", "status", "-c", MAIN, "--json", user="mailhaul")
            self.assertIn('"connections"', status.stdout)
            self.assertEqual(0, server.drain())

        self.root.run("chmod", "2770", "/etc/mailhaul/tenants")  # The administrator's to decide.
        package.install(self.root, self.new)
        self.assertEqual("root:mailhaul 2770", self.root.mode("/etc/mailhaul/tenants"))
        self.assertEqual("root:mailhaul 640", self.root.mode(MAIN))
        self.assertIn("1.0.1", self.root.run("dpkg-query", "-W", "mailhaul").stdout)
        self.assertEqual(own, self.root.run("cat", MAIN).stdout)
        with InstalledServer(self.root, self.work.http_port, self.work.token) as server:
            self.assert_same_messages(expected, server.messages(self.work, expected.total()))
            self.assertEqual(0, server.drain())
        summary = self.root.run("mailhaul", "collect", "-c", MAIN, "--json", user="mailhaul").stdout
        self.assertIn('"fetched":0', summary)

        self.remove_and_purge(own)

    def remove_and_purge(self, own):
        self.root.run("dpkg", "--remove", "mailhaul")
        self.assertFalse(self.root.exists("/usr/bin/mailhaul"))
        self.assertEqual(own, self.root.run("cat", MAIN).stdout)
        self.assertTrue(self.root.exists(f"{DATA}/records/CURRENT"))

        # Nobody is there to answer: what cannot be had again stays.
        said = self.root.run("dpkg", "--purge", "mailhaul")
        self.assertIn(DATA, said.stdout + said.stderr)
        self.assertFalse(self.root.exists(MAIN))
        self.assertFalse(self.root.exists(WANTED))
        self.assertTrue(self.root.exists(f"{DATA}/records/CURRENT"))
        self.assertTrue(self.root.exists("/etc/mailhaul/tenants/acme.yaml"))

        # Installed again, it takes up what it finds; then everything is to go.
        self.root.run("rm", "-r", "/etc/mailhaul/tenants", "/etc/mailhaul/secrets")
        package.install(self.root, self.new)
        self.root.run("dpkg", "--remove", "mailhaul")
        for folder in ("tenants", "secrets"):
            self.assertFalse(self.root.exists(f"/etc/mailhaul/{folder}"))
        package.install(self.root, self.new)
        self.assertIn("mailhaul:mailhaul", self.root.mode(f"{DATA}/records/CURRENT"))
        self.check_what_is_installed()
        self.assertTrue(self.root.exists(f"{DATA}/records/CURRENT"))
        self.root.run("debconf-set-selections", text="mailhaul mailhaul/remove-data boolean true\n")
        self.root.run("dpkg", "--purge", "mailhaul")
        for path in (DATA, "/etc/mailhaul", WANTED, UNIT):
            self.assertFalse(self.root.exists(path), path)
        gone = self.root.run("getent", "passwd", "mailhaul", check=False)
        self.assertEqual("", gone.stdout)
        self.assertEqual("", self.root.run("debconf-show", "mailhaul").stdout)

    # Images of containers leave its data out.
    @unittest.skipUnless(shutil.which("lintian") and os.path.isdir("/usr/share/lintian/profiles"),
                         "lintian is not here")
    def test_lintian_finds_nothing(self):
        done = subprocess.run(
            ["lintian", "--allow-root", "--fail-on", "error,warning", "--suppress-tags",
             "uses-no-compression-for-data-tarball", self.old],
            capture_output=True, text=True, check=False)
        self.assertEqual(0, done.returncode, done.stdout)


@unittest.skipUnless(shutil.which("shellcheck"), "shellcheck is not here")
class MaintainerScriptsTest(unittest.TestCase):

    def test_shellcheck_finds_nothing(self):
        folder = pathlib.Path(__file__).resolve().parents[2] / "packaging" / "debian"
        scripts = [folder / name for name in ("postinst", "prerm", "postrm")]
        done = subprocess.run(["shellcheck", "--shell=sh", "--exclude=SC1091,SC2154", *scripts],
                              capture_output=True, text=True, check=False)
        self.assertEqual("", done.stdout)


if __name__ == "__main__":
    main()
