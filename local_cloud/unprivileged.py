"""Runs a program as nobody, if root starts it: `python -m local_cloud.unprivileged PROGRAM ...`.

PostgreSQL refuses to run as root, and in a container there is often no other user.
"""

from __future__ import annotations

import os
import sys

NOBODY = 65534  # the id that Linux gives to nobody, which owns nothing


def main(command: list[str]) -> None:
    """Become the command; does not return."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    os.execv(command[0], command)  # noqa: S606 - there is no shell, and the starter names the program


if __name__ == "__main__":
    main(sys.argv[1:])
