"""Each assembly is synthesized once per session: starting the CDK costs seconds, looking at a template nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.infrastructure.support import Assembly, synthesize, synthesize_comprehensive

PUBLIC_KEY = (
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBCVBxRYhWaDzdxX1h3GQkvWvEYxe4VFJZdJzhsLnRvD local"
)


@pytest.fixture(scope="session", autouse=True)
def _no_credentials() -> Iterator[None]:
    """Synthesis must not need them, nor a region."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(("AWS_", "CDK_DEFAULT_"))]:
            patch.delenv(name)
        patch.setenv("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "1")
        yield


@pytest.fixture(scope="session")
def prod(tmp_path_factory: pytest.TempPathFactory) -> Assembly:
    return synthesize(tmp_path_factory.mktemp("prod"), environment="prod")


@pytest.fixture(scope="session")
def local(tmp_path_factory: pytest.TempPathFactory) -> Assembly:
    return synthesize(
        tmp_path_factory.mktemp("local"),
        environment="local",
        **{"sftp-public-key": PUBLIC_KEY, "delete-data": "yes"},
    )


@pytest.fixture(scope="session")
def comprehensive(tmp_path_factory: pytest.TempPathFactory) -> Assembly:
    return synthesize_comprehensive(tmp_path_factory.mktemp("comprehensive"))
