"""The application synthesized once for all tests of a run that deploy it, whichever worker they run in.

A synthesis costs some 11 s of processor time, and a dozen files of tests need one.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from local_cloud import assembly


def synthesized(folders: pytest.TempPathFactory) -> Path:
    """A directory with the assembly and the partner's key in it, as `deployment.deploy` takes it."""
    own = folders.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    return assembly.current(shared / "application")
