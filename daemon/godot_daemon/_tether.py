"""Start a program that must not outlive its starter: `python _tether.py PARENT SIGNAL UID GID PROGRAM …`.

Run as a script in place of the program, which keeps the process id. It asks the kernel for a signal at the
end of the parent, so that `kill -9` leaves nothing behind. The parent itself cannot do this: a hook between
fork and exec is not safe in a process with threads, and giving up root, as PostgreSQL demands, would undo
it. Where the kernel knows no such signal (anything but Linux), only the orderly ways to stop work.
"""

from __future__ import annotations

import ctypes
import os
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Give up root if asked to, tie this process to its parent, and become the program."""
    parent, signal, uid, gid = (int(argument) for argument in sys.argv[1:5])
    program = sys.argv[5:]
    if uid:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal, 0, 0, 0)
        if os.getppid() != parent:  # it ended before the kernel knew what to do then
            sys.exit("the parent has gone")
    os.execv(program[0], program)  # noqa: S606 - no shell is the point


if __name__ == "__main__":
    main()
