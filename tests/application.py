"""The application synthesized once for all tests of a run that deploy it, whichever worker they run in.

A synthesis costs some 11 s of processor time, and a dozen files of tests need one.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from local_cloud import assembly


def synthesized(folders: pytest.TempPathFactory, *, engine: str | None = None) -> Path:
    """A directory with the assembly and the partner's key in it, as `deployment.deploy` takes it.

    `engine` is the one for every run; None leaves the choice to the settings of the local environment.
    """
    own = folders.getbasetemp()
    return assembly.current(
        (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "application", engine=engine
    )
