"""The application synthesized once for all tests of a run that deploy it, whichever worker they run in.

A synthesis costs some 11 s of processor time, and a dozen files of tests need one.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from local_cloud import keys
from local_cloud.deployment import synthesize


def synthesized(folders: pytest.TempPathFactory) -> Path:
    """A directory with the assembly and the partner's key in it, as `LocalCloud.deploy` takes it."""
    own = folders.getbasetemp()
    shared = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "application"
    done = shared / "done"
    shared.mkdir(exist_ok=True)
    with (shared / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # goes with the file, however this process ends
        if not done.exists():
            keys.make(shared)
            synthesize(shared)
            done.touch()
    return shared
