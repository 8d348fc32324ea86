"""A deployed pipeline is tried once from end to end, and left as it was: upload, run, query, message, rollback.

Every step is judged by something other than the step itself: the load by Athena, the message by the execution that
sent it, the rollback by Athena again. What stays are the file in raw and in landing, until their retention ends, and
the entries of both runs.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from contracts import naming
from contracts.errors import PermanentError
from contracts.model import Contract
from slipway.acting import operations, partner, progress
from slipway.deployment import LOCAL, Deployment
from slipway.reading import announced, lake, ledgers

MESSAGES = 20  # the newest; a run announces its success as its last step
PATIENCE_SECONDS = 120  # for a message to go out
POLL_SECONDS = 1.0

Tell = Callable[[str], None]


class SmokeFailed(PermanentError):
    """The deployment did not do what it should; says which step, and what to type."""


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """A file that no run has seen yet, and how it is delivered."""

    file: Path
    contract: Contract
    partner: str
    identity: str | None

    def by_sftp(self, deployment: Deployment) -> bool:
        """Whether there is a key to log in with; the embedded AWS makes its own."""
        return deployment.environment == LOCAL or self.identity is not None

    def landing_key(self, deployment: Deployment) -> str:
        """Where the file lands."""
        owner = self.partner if self.by_sftp(deployment) else naming.SMOKE_PARTNER
        return naming.landing_folder(owner, self.contract.intake.folder) + self.file.name


def run(deployment: Deployment, delivery: Delivery, tell: Tell) -> None:
    """Try the deployment, and undo what that loaded whatever came of it.

    Raises SmokeFailed at the first step that did not work.
    """
    fate = _loaded(deployment, delivery, tell)
    try:
        _judge(deployment, fate, tell)
    finally:
        _undo(deployment, fate)
    tell("the run was rolled back, and Athena finds none of its rows")


def _judge(deployment: Deployment, fate: ledgers.FileFate, tell: Tell) -> None:
    rows = _rows_of(deployment, fate)
    if rows != fate.rows_loaded:
        raise SmokeFailed(
            f"the ledger says that {fate.rows_loaded} rows of {fate.file_name} were loaded, Athena finds {rows};"
            f" look at: slipway runs show {fate.run_id}"
        )
    tell(f"Athena finds its {rows} rows")
    tell(f"sent: {_message_of(deployment, str(fate.run_id))}")


def _loaded(deployment: Deployment, delivery: Delivery, tell: Tell) -> ledgers.FileFate:
    """The fate of the file once a run has loaded it."""
    dataset, key = delivery.contract.dataset, delivery.landing_key(deployment)
    known = {fate.delivery for fate in ledgers.files(deployment, dataset)}
    following = progress.begin(
        deployment, lambda step: tell(step.name) if step.takes_time else None
    )
    _send(deployment, delivery, tell)
    outcome = progress.until_fates(following, dataset=dataset, awaited={key}, known=known)
    for fate in outcome.fates:
        if fate.landing_key == key and fate.status == "loaded" and fate.rows_loaded:
            return fate
    fates = ", ".join(f"{each.status} ({each.explanation})" for each in outcome.fates) or "unknown"
    raise SmokeFailed(
        f"{delivery.file.name} was not loaded; its fate: {fates}; failed executions:"
        f" {', '.join(outcome.failed_executions) or 'none'}; next: slipway doctor"
    )


def _send(deployment: Deployment, delivery: Delivery, tell: Tell) -> None:
    if delivery.by_sftp(deployment):
        to = partner.endpoint(deployment, user=delivery.partner, identity=delivery.identity)
        with partner.connected(to) as sftp:
            intake = delivery.contract.intake
            partner.send(sftp, delivery.file, folder=intake.folder, checksum=intake.checksum)
        tell(f"sent {delivery.file.name} by SFTP as {delivery.partner}")
        return
    deployment.client("s3").put_object(
        Bucket=deployment.output("LandingBucketName"),
        Key=delivery.landing_key(deployment),
        Body=delivery.file.read_bytes(),
    )
    tell(
        f"put {delivery.file.name} into landing; SFTP is not tried without --partner and --identity"
    )


def _rows_of(deployment: Deployment, fate: ledgers.FileFate) -> int:
    table, content = f"processed.{fate.dataset}", lake.literal(fate.sha256)
    sql = f"select count(*) as number from {table} where _source_sha256 = {content}"  # noqa: S608 - a name and a hash of ours
    return int(lake.query(deployment, sql)["number"].iloc[0])


def _message_of(deployment: Deployment, run_id: str) -> str:
    """The subject of the message about the run, once it was handed to SNS."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        for each in announced.newest(deployment, MESSAGES):
            if run_id in each.message and each.fate == "sent":
                return each.subject
        time.sleep(POLL_SECONDS)
    raise SmokeFailed(
        f"no message about run {run_id} went out in {PATIENCE_SECONDS} seconds; next: slipway doctor"
    )


def _undo(deployment: Deployment, fate: ledgers.FileFate) -> None:
    request: dict[str, object] = {"mode": "rollback", "run_id": fate.run_id, "with_later": False}
    if operations.care(deployment, fate.dataset, request, no_wait=False):
        raise SmokeFailed(
            f"run {fate.run_id} loaded the file of the test and could not be rolled back;"
            f" once the cause is gone: slipway runs rollback {fate.run_id}"
        )
    if left := _rows_of(deployment, fate):
        raise SmokeFailed(
            f"{left} rows of {fate.file_name} are left after the rollback of run {fate.run_id};"
            f" look at: slipway runs list --dataset {fate.dataset}"
        )
