"""A throw-away copy of this system to install packages into: an overlay in a mount namespace.

Nothing of it reaches the system itself, and it is gone when its one process is.
"""

import os
import shutil
import subprocess

from support import dovecot

# What an overlay's own folders lie on must not be an overlay itself, as a container's root is.
BUILD = r"""
set -e
mount -t tmpfs -o mode=0755 clean "$1"
mkdir "$1"/changes "$1"/work "$1"/root
mount -t overlay -o "lowerdir=/,upperdir=$1/changes,workdir=$1/work" clean "$1"/root
mount --rbind /dev "$1"/root/dev
mount --bind /proc "$1"/root/proc
mount -t tmpfs -o mode=0755 run "$1"/root/run
mount -t tmpfs -o mode=1777 tmp "$1"/root/tmp
mkdir "$1"/root/tmp/shared
mount --bind "$2" "$1"/root/tmp/shared
echo ready
exec cat
"""
SHARED = "/tmp/shared"  # In the root: the folder `shared`.


class Forbidden(Exception):
    """This process may not mount; the message says what was refused."""


class System:
    """Somewhere to run commands; command() says how."""

    def command(self, *arguments, user=None):
        """How to run something inside, as a list of arguments. The process is that itself."""
        raise NotImplementedError

    def run(self, *arguments, user=None, check=True, text=None, **environment):
        done = subprocess.run(
            self.command(*arguments, user=user), capture_output=True, text=True, timeout=120,
            input=text or "", env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8",
                                   "DEBIAN_FRONTEND": "noninteractive", **environment})
        if check and done.returncode != 0:
            raise AssertionError(f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    def exists(self, path):
        return self.run("test", "-e", path, check=False).returncode == 0

    def mode(self, path):
        """"OWNER:GROUP MODE"."""
        return self.run("stat", "-c", "%U:%G %a", path).stdout.strip()

    def write(self, path, text):
        self.run("tee", path, text=text)


def as_user(user):
    return ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"] if user else []


class CleanRoot(System):
    """Use it as a context manager. `folder`: an empty one, for mounting; `shared`: seen inside."""

    def __init__(self, folder, shared):
        if os.geteuid() != 0 or not shutil.which("unshare"):
            raise Forbidden("only root may mount a root file system")
        self.folder = folder
        self._holder = subprocess.Popen(
            ["unshare", "--mount", "--propagation", "private", "bash", "-c", BUILD, "build",
             str(folder), str(shared)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, preexec_fn=dovecot.die_with_parent)
        if self._holder.stdout.readline() != "ready\n":
            _, why = self._holder.communicate()
            raise Forbidden(f"mounting is forbidden here: {why.strip()}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._holder.communicate()  # Its input ends, and the namespace with it.

    def outside(self, *arguments):
        """How to run something of this system where the root is mounted, at `folder`/root."""
        return ["nsenter", f"--mount=/proc/{self._holder.pid}/ns/mnt", "--", *map(str, arguments)]

    def command(self, *arguments, user=None):
        return self.outside("chroot", f"{self.folder}/root", *as_user(user), *arguments)
