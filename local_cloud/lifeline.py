"""Runs a command that must not outlive its starter: `python -m local_cloud.lifeline COMMAND ...`.

The starter holds the other end of standard input. When it ends, however it ends, that pipe closes and the command's
whole process group is killed. Linux's PR_SET_PDEATHSIG would fire when the starting *thread* ends, and is Linux only.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from types import FrameType

SIGNAL_EXIT_BASE = 128  # a shell's way to report death by signal


def main(command: list[str]) -> int:
    """Exit code of the command; 128 + n when signal n killed it."""
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, process_group=0)

    def kill(_signal: int = 0, _frame: FrameType | None = None) -> None:
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)

    def kill_when_starter_ends() -> None:
        sys.stdin.buffer.read()
        kill()

    signal.signal(signal.SIGTERM, kill)
    threading.Thread(target=kill_when_starter_ends, daemon=True).start()
    code = child.wait()
    return code if code >= 0 else SIGNAL_EXIT_BASE - code


if __name__ == "__main__":
    # _exit, because the reader thread sits in a read that an orderly exit would wait for
    os._exit(main(sys.argv[1:]))
