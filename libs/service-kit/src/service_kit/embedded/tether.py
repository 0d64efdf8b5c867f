"""`tether.py PARENT_PID PROGRAM...`: become a program that the kernel ends with its parent.

A program of its own, because setting this up between fork and exec of a process with threads is
unsafe. It imports nothing but the standard library; the pid stays the same through the exec.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def tie_to_parent(parent: int) -> None:
    """Ask for SIGKILL when the parent ends; leave at once if it already has."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(1)


if __name__ == "__main__":
    tie_to_parent(int(sys.argv[1]))
    os.execv(sys.argv[2], sys.argv[2:])
