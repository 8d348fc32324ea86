"""Embedded AWS with the application that `cdk deploy` ships: one per file of tests, but for stories that share one.

A story that shares sees what those before it left, so it compares with what was there before, or has a dataset, months
or partners of its own. Deployments run beside each other and in any order.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from local_cloud import deployment, session
from slipway.acting.inbox import Inbox
from slipway.deployment import connect
from tests.application import synthesized
from tests.end_to_end.pipeline import Pipeline

HERE = Path(__file__).parent
# Each line is one deployment, and its stories come in this order: analyst and training need the tables of sales empty;
# partners leaves objects in the landing zone; people decides about the file of smoke; alarms moves their clock. All of
# a line are marked alike, and those of `make test-push` are about as long as each other.
SHARING = (
    ("test_recovery",),
    ("test_superstore",),
    ("test_training", "test_replay"),
    ("test_analyst", "test_report", "test_partners"),
    (
        "test_smoke",
        "test_sources",
        "test_shop",
        "test_people",
        "test_trail",
        "test_alarms",
        "test_own_schedules",
    ),
)


def group_of(file: Path) -> str:
    """What the stories of one deployment have in common, and those of two have not."""
    for stories in SHARING if file.parent == HERE else ():
        if file.stem in stories:
            return stories[0]
    return str(file.relative_to(HERE))


def _place(item: pytest.Item) -> tuple[bool, int, int]:
    """The longest deployment first, the tests of the embedded AWS itself last: no processor waits at the end."""
    of_embedded_aws = "local_cloud" in item.path.parts
    for number, stories in enumerate(SHARING):
        if item.path.stem in stories and not of_embedded_aws:
            return False, number, stories.index(item.path.stem)
    return of_embedded_aws, len(SHARING), 0


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put them into their order."""
    mine = sorted((item for item in items if HERE in item.path.parents), key=_place)
    items[:] = [*(item for item in items if HERE not in item.path.parents), *mine]


class DeploymentScheduling(LoadScopeScheduling):
    """`--dist loadfile`, but the stories of one deployment stay in one worker.

    Not `--dist loadgroup`: xdist 3.8 writes groups into `_nodeid`, which pytest 9.2 does not read.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = self.config.rootpath / nodeid.partition("::")[0]
        return group_of(file) if HERE in file.parents else str(file)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> DeploymentScheduling | None:
    """The scheduling of `make test-pipeline`; None leaves it to xdist."""
    return DeploymentScheduling(config, log) if config.getvalue("dist") == "loadfile" else None


class Deployments:
    """The one deployment that this process has at a time."""

    def __init__(self, folders: pytest.TempPathFactory) -> None:
        self.folders = folders
        self.group = ""
        self.cloud: session.LocalCloud | None = None

    def of(self, group: str, application: Path | None) -> session.LocalCloud:
        """The deployment of a group: what is there, or a fresh one in the place of another group's."""
        if self.cloud is None or self.group != group:
            self.stop()
            self.cloud = session.start(self.folders.mktemp("cloud"), owned=True, on_progress=print)
            deployment.deploy(self.cloud, application=application, on_progress=print)
            self.cloud.control("reuse-spark/yes")
            self.group = group
        return self.cloud

    def stop(self) -> None:
        """End what runs."""
        if self.cloud is not None:
            self.cloud.stop()
        self.cloud, self.group = None, ""


@pytest.fixture(scope="session")
def deployments(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployments]:
    kept = Deployments(tmp_path_factory)
    try:
        yield kept
    finally:
        kept.stop()


@pytest.fixture(scope="session")
def application(tmp_path_factory: pytest.TempPathFactory) -> Path | None:
    """Where the application was synthesized; None where the deployment is to do that itself."""
    return synthesized(tmp_path_factory)


@pytest.fixture(scope="module")
def cloud(
    request: pytest.FixtureRequest,
    deployments: Deployments,
    application: Path | None,
) -> session.LocalCloud:
    """The embedded AWS with the application deployed and IAM enforced; jobs share a JVM."""
    return deployments.of(group_of(request.path), application)


@pytest.fixture(scope="module")
def pipeline(cloud: session.LocalCloud) -> Iterator[Pipeline]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLIPWAY_STATE", str(cloud.path.parent))
        for name, value in cloud.environment().items():
            patch.setenv(name, value)
        deployment = connect("local")
        yield Pipeline(deployment=deployment, inbox=Inbox(deployment))
