"""Uploads over SFTP among the moves of the delivery experiment: whole, after one that was cut off, or with events lost.

Objects are put as Transfer Family puts them, and its events are made here, so that they can be lost.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Literal
from uuid import UUID

from chaos.batches import SmallFile
from chaos.world import Landed, World
from pipeline import intake_messages

# copied: by S3's own API. unheard: the event of the completed upload is lost, a person accepts the file.
# cut: an upload broke off before, and was told. silently cut: it was not told.
Way = Literal["copied", "uploaded", "unheard", "cut", "silently cut"]
WAYS: tuple[Way, ...] = ("copied", "uploaded", "unheard", "cut", "silently cut")
BY_SFTP = {"user-agent": "AWSTransfer", "user-agent-id": "acme@s-1111aaaa2222bbbb3"}
CUT_BYTES = 3  # so much is missing: the last number is another one

Created = Callable[
    [Landed, int], str
]  # an "Object Created" event of an object, by its place in the order


@dataclass(kw_only=True)
class Moves:
    """Events to deliver, each with the file it is about; and what has to be done, and found, afterwards."""

    events: list[tuple[SmallFile, str]] = field(default_factory=list)
    accepted: list[str] = field(default_factory=list)
    set_aside: set[str] = field(default_factory=set)


def ways(files: Sequence[SmallFile], seed: int) -> list[Way]:
    """How each file is uploaded, the same for a seed."""
    random = Random(seed)  # noqa: S311 - a repeatable experiment
    return [random.choice(WAYS) for _ in files]


def upload(
    world: World, moves: Moves, file: SmallFile, way: Way, *, place: int, created: Created
) -> None:
    """Upload a file in a way; its places in the order are `place` and the one before."""
    bucket = world.deployment.output("LandingBucketName")
    if way == "copied":
        moves.events.append((file, created(world.put(file.key, file.body), place)))
        return
    if way in ("cut", "silently cut"):
        cut = world.put(file.key, file.body[:-CUT_BYTES], metadata=BY_SFTP)
        moves.events.append((file, created(cut, place - 1)))
        if way == "cut":
            moves.events.append((file, _ended(cut, bucket, is_complete=False)))
        else:
            moves.set_aside.add(file.key)
    whole = world.put(file.key, file.body, metadata=BY_SFTP)
    told = created(whole, place)
    moves.events.append((file, told))
    if way == "unheard":
        moves.accepted.append(_accepted(told))
    else:
        moves.events.append((file, _ended(whole, bucket, is_complete=True)))


def entries_not_as_moved(world: World, moves: Moves) -> list[str]:
    """Keys of which something is set aside although it should not be, or the other way round."""
    keys = {file.key for file, _ in moves.events}
    found = {
        item["landing_key"]
        for item in world.file_entries()
        if item["status"] == "incomplete" and item["landing_key"] in keys
    }
    wrong = sorted(found ^ moves.set_aside)
    return [f"set aside as incomplete: {key} is {'' if key in found else 'not '}" for key in wrong]


def _accepted(told: str) -> str:
    item = json.loads(told)["detail"]["object"]
    message = intake_messages.accepted(
        bucket=json.loads(told)["detail"]["bucket"]["name"],
        key=item["key"],
        sequencer=item["sequencer"],
        version_id=item["version-id"],
        by="chaos",
    )
    return json.dumps(message)


def _ended(landed: Landed, bucket: str, *, is_complete: bool) -> str:
    """Source: Transfer Family user guide, "Transfer Family events detail reference"."""
    now = datetime.now(UTC)
    detail: dict[str, Any] = {
        "protocol": "SFTP",
        "bytes": landed.size,
        "file-path": f"/{bucket}/{landed.key}",
        "server-id": "s-1111aaaa2222bbbb3",
        "username": "acme",
        "session-id": "0292f1e12f20d1a2eddc",
        "start-timestamp": f"{now - timedelta(seconds=1):%Y-%m-%dT%H:%M:%S.%f}000Z",
        "end-timestamp": f"{now:%Y-%m-%dT%H:%M:%S.%f}000Z",
    }
    if is_complete:
        detail |= {"status-code": "COMPLETED", "etag": landed.etag}
    else:
        detail |= {"status-code": "FAILED", "failure-code": "PARTIAL_UPLOAD"}
    kind = "Completed" if is_complete else "Failed"
    seed = f"{landed.key} {landed.version_id}"  # a repeated event keeps its id
    body = {
        "version": "0",
        "id": str(UUID(int=Random(seed).getrandbits(128), version=4)),  # noqa: S311 (no secret)
        "detail-type": f"SFTP Server File Upload {kind}",
        "source": "aws.transfer",
        "account": "000000000000",
        "time": f"{now:%Y-%m-%dT%H:%M:%SZ}",
        "region": "us-east-1",
        "resources": ["arn:aws:transfer:us-east-1:000000000000:server/s-1111aaaa2222bbbb3"],
        "detail": detail,
    }
    return json.dumps(body)
