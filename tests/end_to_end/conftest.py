"""One embedded AWS per file of tests, deployed from the application that `cdk deploy` ships.

A file is a story that begins with empty tables, so that files may run beside each other and in any order.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from local_cloud import deployment, session
from slipway.acting.inbox import Inbox
from slipway.deployment import connect
from tests.application import synthesized
from tests.end_to_end.pipeline import Pipeline


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Stories of minutes before the short ones about the embedded AWS itself, so that no processor waits at the end."""
    items.sort(key=lambda item: "local_cloud" in item.path.parts)


@pytest.fixture(scope="session")
def application(tmp_path_factory: pytest.TempPathFactory) -> Path | None:
    """Where the application was synthesized; None where the deployment is to do that itself."""
    return synthesized(tmp_path_factory)


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory, application: Path | None) -> Iterator[session.LocalCloud]:
    """The embedded AWS with the application deployed and IAM enforced."""
    started = session.start(tmp_path_factory.mktemp("cloud"), owned=True, on_progress=print)
    try:
        deployment.deploy(started, application=application, on_progress=print)
        yield started
    finally:
        started.stop()


@pytest.fixture(scope="module")
def pipeline(cloud: session.LocalCloud) -> Iterator[Pipeline]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLIPWAY_STATE", str(cloud.path.parent))
        for name, value in cloud.environment().items():
            patch.setenv(name, value)
        deployment = connect("local")
        yield Pipeline(deployment=deployment, inbox=Inbox(deployment))
