"""Runs a command until it ends, or until we are told to end, or our parent dies.

For servers that forget the wish to die with their parent (dovecot.die_with_parent) because they
change users, as Postfix's master does: this process keeps it, and tells the server.
"""

import signal
import subprocess
import sys

SIGNALS = {signal.SIGTERM, signal.SIGCHLD}


def supervise(command):
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    child = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, start_new_session=True,
        preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS))
    while child.poll() is None:
        if signal.sigwait(SIGNALS) == signal.SIGTERM:
            child.terminate()
    return child.returncode


if __name__ == "__main__":
    sys.exit(supervise(sys.argv[1:]))
