"""What failing schedules have taught, each told as a schedule of a few steps: seeds change with the code."""

from __future__ import annotations

import pytest

from tests.simulation.deployment import DATASET, LEASE_SECONDS, Controlled, Deployment
from tests.simulation.schedules import CALM
from tests.simulation.world import World

SHA256 = "a" * 64
MINE, OTHER = "arn:mine", "arn:other"


@pytest.fixture
def deployment() -> Deployment:
    return Deployment(World(seed=0, weather=CALM))


def _run_with_a_file(deployment: Deployment, run_id: str) -> None:
    entry = {
        "dataset": DATASET,
        "entry": f"file#{SHA256}",
        "sha256": SHA256,
        "status": "waiting",
        "received_at": "2026",
    }
    deployment.files.add(entry)
    deployment.runs.start(
        DATASET,
        run_id,
        trigger="schedule",
        execution_arn=MINE,
        started_at="2026",
        contract_version="1.0.0",
        file_hashes=[SHA256],
    )
    deployment.files.claim(DATASET, SHA256, run_id)


def test_who_finds_its_own_ended_run_gives_its_files_back_before_it_begins_another(
    deployment: Deployment,
) -> None:
    """Another execution had ended the run, whose lease was over, and died before it gave the files back."""
    with Controlled(deployment.world):
        run_id = deployment.lock.take(DATASET, MINE)
        _run_with_a_file(deployment, run_id)
        deployment.runs.finish(DATASET, run_id, "failed", {"error": "LeaseExpired"})
        assert deployment.lock.take(DATASET, MINE) != run_id
    assert [item["status"] for item in deployment.file_items()] == ["waiting"]


def test_a_run_whose_lease_is_over_is_ended_before_its_files_are_given_back(
    deployment: Deployment,
) -> None:
    """A claim that still goes on would otherwise see it running, and keep what it claims afterwards."""
    seen: list[str] = []
    with Controlled(deployment.world):
        run_id = deployment.lock.take(DATASET, MINE)
        _run_with_a_file(deployment, run_id)
        deployment.file_table.watch = lambda *_: seen.append(
            deployment.run_items()[run_id]["status"]
        )
        deployment.world.now += LEASE_SECONDS + 1
        deployment.lock.take(DATASET, OTHER)
    assert seen == ["failed"]
