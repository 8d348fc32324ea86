"""One embedded AWS per file of experiments; in the short forms the jobs share a JVM."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from chaos.world import World, started
from tests.application import synthesized


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    application = synthesized(tmp_path_factory)
    with (
        pytest.MonkeyPatch.context() as patch,
        started(_watching(patch), application=application) as deployed,
    ):
        deployed.cloud.control("reuse-spark/yes")
        yield deployed


def _watching(patch: pytest.MonkeyPatch):  # noqa: ANN202 - a progress callback
    """Progress to the test's output; what the experiments set in this process is put back afterwards."""
    for name in (
        "SLIPWAY_STATE",
        "AWS_ENDPOINT_URL",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
    ):
        patch.setenv(name, "")
        patch.delenv(name)
    return print
