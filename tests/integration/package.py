"""The Debian package: made, installed into a system, and configured there as its user would."""

import os
import re
import shutil
import subprocess
import unittest

from clean_root import SHARED, CleanRoot, Forbidden
from support import BINARY, TENANT, config_files

BUILD = BINARY.parent
MAIN = "/etc/mailhaul/mailhaul.yaml"
DATA = "/var/lib/mailhaul"
UNIT = "/lib/systemd/system/mailhaul.service"


def can_be_made():
    return shutil.which("cpack") and shutil.which("dpkg-shlibdeps")


def clean_root(test_class, work):
    """Without the package, until the end of that class; it shares `work`'s folder "shared"."""
    mount, shared = work.folder / "clean", work.folder / "shared"
    mount.mkdir()
    shared.mkdir()
    os.chmod(shared, 0o755)
    try:
        root = test_class.enterClassContext(CleanRoot(mount, shared))
    except Forbidden as error:
        raise unittest.SkipTest(str(error)) from None
    whole = root.run("sh", "-c", "dpkg --status dpkg && getent hosts localhost", check=False)
    if whole.returncode != 0:
        # What other file systems hold, an overlay of the root does not.
        raise unittest.SkipTest("this system lies on several file systems")
    root.run("dpkg", "--purge", "mailhaul", check=False)  # Of this machine, if it has one.
    # Nobody looks for manual pages there: indexing all of them takes most of the time.
    root.run("rm", "-f", "/var/lib/man-db/auto-update")
    return root


def make(folder):
    """As `./dev package` makes it, but for the time that packing it well takes."""
    folder.mkdir()
    subprocess.run(
        ["cpack", "--config", BUILD / "CPackConfig.cmake", "-G", "DEB", "-B", folder, "-R", "1.0.0",
         "-D", "CPACK_DEBIAN_COMPRESSION_TYPE=none"], check=True, capture_output=True, cwd=folder)
    return next(folder.glob("*.deb"))


def with_version(package, folder, version):
    """The same package, but newer: what an upgrade does is a matter of the scripts."""
    folder.mkdir()
    tree = folder / "tree"
    subprocess.run(["dpkg-deb", "--raw-extract", package, tree], check=True)
    control = tree / "DEBIAN" / "control"
    control.write_text(re.sub("(?m)^Version: .*$", f"Version: {version}", control.read_text()))
    newer = folder / f"mailhaul_{version}.deb"
    subprocess.run(["dpkg-deb", "-Znone", "--build", tree, newer], check=True, capture_output=True)
    return newer


def install(system, package):
    """`package`: in a folder of the folder that the system shares."""
    # Images of containers leave manuals and documents out.
    return system.run("dpkg", "--force-unsafe-io", "--path-include=/usr/share/doc/*",
                      "--path-include=/usr/share/man/*", "--install",
                      f"{SHARED}/{package.parent.name}/{package.name}")


def configure(system, work):
    """A main file of the administrator's own, which is returned, and a tenant: that of `work`."""
    own = (system.run("cat", MAIN).stdout.replace("127.0.0.1:8025", f"127.0.0.1:{work.http_port}")
           + "network: {allow_private: true, ca_file: ca.pem}\n")
    system.write(MAIN, own)
    system.write("/etc/mailhaul/ca.pem", work.server.ca_file.read_text())
    staged = work.folder / "staged"
    tenant = config_files.Tenant(TENANT, work.token, [work.mailbox(box) for box in work.boxes],
                                 freshness=("1s", "1s", "1s"))
    config_files.write_configuration(staged, "", [tenant])
    system.write("/etc/mailhaul/tenants/acme.yaml", (staged / "tenants" / "acme.yaml").read_text())
    for secret in (staged / "secrets").iterdir():
        system.write(f"/etc/mailhaul/secrets/{secret.name}", secret.read_text())
        system.run("chmod", "o=", f"/etc/mailhaul/secrets/{secret.name}")
    return own
