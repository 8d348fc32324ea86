"""Events repeated and out of order: the tables and the ledger are those of in-order, single delivery.

The landing bucket's own rule is switched off, and events as S3 sends them through EventBridge go straight to the intake
queue: each one to five times, shuffled, in portions, so that runs begin while others are under way.
Most files come by SFTP (chaos/transfers.py): some after an upload that was cut off, some with their
last event lost. The full form compares with a second embedded AWS to which every event came once and
in order; both forms compare with what Python computes from the files.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from random import Random
from typing import Any
from uuid import UUID

from chaos import serving, transfers
from chaos.batches import SmallFile, batch, expected
from chaos.outcome import Outcome, differences, left_open
from chaos.transfers import Moves, Way
from chaos.world import FOLDER, Landed, World, of, started
from pipeline import intake_messages

SEED = 20261121
FULL, SHORT = 200, 20
WAVES = 4
MOST_COPIES = 5
PORTIONS = 4
PORTION_SECONDS = 6
SECONDS_BETWEEN_WAVES = 1.1  # upload times have whole seconds
MESSAGES_PER_CALL = 10  # SQS API reference, SendMessageBatch
# Which run a file met decides whether its replaced rows count as deduplicated or as loaded and replaced later.
BY_BATCHING = frozenset({"rows_loaded", "rows_deduplicated"})
BY_TABLE = frozenset(
    {"effect", "replaced_by", "replaced_since"}
)  # on the table as the run found it
BY_DELIVERY = frozenset({"run_id", "sequencer", "version_id"})
Entry = dict[str, Any]


def run(world: World, *, short: bool) -> Outcome:
    """Deliver a batch with replacements among its files, shuffled and repeated."""
    files = batch("shuffled", count=SHORT if short else FULL, waves=WAVES, first=10_000)
    problems: list[str] = []
    if not short:
        with started(lambda _: None, application=world.cloud.path) as reference:
            _deliver(
                reference, files, ["copied"] * len(files), copies=1, portions=1, shuffled=False
            )
            tables, ledger = reference.tables(), _ledger(reference, files)
        world = of(world.cloud)  # the SDK's settings pointed at the reference
    before = {name: set(rows) for name, rows in world.tables().items()}
    uploads = transfers.ways(files, SEED)
    starts = world.spark_starts()
    portions = 2 if short else PORTIONS
    moves, delivered = _deliver(
        world, files, uploads, copies=MOST_COPIES, portions=portions, shuffled=True
    )
    found = world.tables()
    if short:
        problems += _rows_of(files, found, before)
    else:
        problems += differences(expected(files), found) + differences(tables, found)
        problems += [f"ledger: {line}" for line in _unlike(ledger, _ledger(world, files))]
    problems += _entries_once(world, files) + left_open(world) + serving.unlike_lake(world)
    problems += transfers.entries_not_as_moved(world, moves)
    return Outcome(
        figures={
            "files": len(files),
            **{f"files {way}": count for way, count in sorted(Counter(uploads).items())},
            "events delivered": delivered,
            "most copies of one event": MOST_COPIES,
            "Spark starts": world.spark_starts() - starts,
            "compared with": "Python's own computation"
            if short
            else "in-order single delivery, and Python's",
        },
        problems=problems,
    )


def event(landed: Landed, bucket: str, *, sequence: int, seed: int = SEED) -> str:
    """An "Object Created" event as EventBridge puts it into SQS; a copy of it is the same text.

    Source: S3 user guide, "EventBridge event message structure".
    """
    body = {
        "version": "0",
        "id": str(UUID(int=Random(f"{seed}/{landed.key}").getrandbits(128), version=4)),  # noqa: S311 - no secret
        "detail-type": "Object Created",
        "source": "aws.s3",
        "account": "000000000000",
        "time": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "region": "us-east-1",
        "resources": [f"arn:aws:s3:::{bucket}"],
        "detail": {
            "version": "0",
            "bucket": {"name": bucket},
            "object": {
                "key": landed.key,
                "size": landed.size,
                "etag": landed.etag,
                "version-id": landed.version_id,
                "sequencer": f"{sequence:018X}",
            },
            "request-id": "N4N7GDK58NMKJ12R",
            "requester": "000000000000",
            "source-ip-address": "127.0.0.1",
            "reason": "PutObject",
        },
    }
    return json.dumps(body)


def _deliver(
    world: World,
    files: Sequence[SmallFile],
    uploads: Sequence[Way],
    *,
    copies: int,
    portions: int,
    shuffled: bool,
) -> tuple[Moves, int]:
    """Upload the files, then deliver their events up to `copies` times each: what was done, and how many were sent."""
    rule = world.physical_id("Intake", "FileLanded", "AWS::Events::Rule").rpartition("|")[2]
    random = Random(SEED)  # noqa: S311 - a repeatable experiment
    world.client("events").disable_rule(Name=rule)
    try:
        moves = _upload(world, files, uploads)
        events = [body for _, body in moves.events for _ in range(random.randint(1, copies))]
        if shuffled:
            random.shuffle(events)
        size = -(-len(events) // portions)
        for begin in range(0, len(events), size):
            _send(world, events[begin : begin + size])
            time.sleep(PORTION_SECONDS if portions > 1 else 0)
        world.wait_until_quiet()
        if moves.accepted or moves.set_aside:
            _send(world, [json.dumps(intake_messages.due(0))])
            world.wait_until_quiet()
            _send(world, moves.accepted)
            world.wait_until_quiet()
    finally:
        world.client("events").enable_rule(Name=rule)
    return moves, len(events)


def _upload(world: World, files: Sequence[SmallFile], uploads: Sequence[Way]) -> Moves:
    bucket, moves = world.deployment.output("LandingBucketName"), Moves()

    def created(landed: Landed, place: int) -> str:
        return event(landed, bucket, sequence=0x5F8 << 48 | place)

    for number, (file, way) in enumerate(zip(files, uploads, strict=True)):
        if number and file.wave > files[number - 1].wave:
            time.sleep(SECONDS_BETWEEN_WAVES)
        transfers.upload(world, moves, file, way, place=2 * number + 1, created=created)
    return moves


def _send(world: World, events: Sequence[str]) -> None:
    sqs = world.client("sqs")
    for begin in range(0, len(events), MESSAGES_PER_CALL):
        entries = [
            {"Id": str(index), "MessageBody": body}
            for index, body in enumerate(events[begin : begin + MESSAGES_PER_CALL])
        ]
        answer = sqs.send_message_batch(QueueUrl=world.intake_queue, Entries=entries)
        if answer.get("Failed"):
            raise RuntimeError(f"SQS refused {answer['Failed']}")


def _rows_of(
    files: Sequence[SmallFile], found: dict[str, list[Any]], before: dict[str, set[Any]]
) -> list[str]:
    """The rows that these files should have added to processed, in a pipeline that held other files before."""
    processed = "processed.sales_records"
    new = {processed: [row for row in found[processed] if row not in before.get(processed, set())]}
    return differences({processed: expected(files)[processed]}, new)


def _ledger(world: World, files: Sequence[SmallFile]) -> dict[str, Entry]:
    """The entries of these files by entry name, without what differs from delivery to delivery."""
    keys = {file.key for file in files}
    return {
        item["entry"]: comparable(item)
        for item in _deliveries(world)
        if item["landing_key"] in keys
    }


def _deliveries(world: World) -> list[Entry]:
    """File entries but those of transfers, and of what was set aside because its transfer was not known to be whole."""
    apart = ("transfer#", "incomplete#")
    return [item for item in world.file_entries() if not item["entry"].startswith(apart)]


def comparable(item: Entry) -> Entry:
    """An entry without what differs from one run of the experiment to the next."""
    kept = {
        name: value
        for name, value in item.items()
        if not name.endswith("_at") and name not in BY_DELIVERY | BY_BATCHING | BY_TABLE
    }
    loads = len(item.get("loads", ()))  # each names its run
    return kept | {
        "loads": loads,
        "rows_not_quarantined": sum(int(item.get(name, 0)) for name in BY_BATCHING),
    }


def _unlike(left: dict[str, Entry], right: dict[str, Entry]) -> list[str]:
    return [
        f"{entry}: {left.get(entry)} and {right.get(entry)}"
        for entry in sorted({*left, *right})
        if left.get(entry) != right.get(entry)
    ]


def _entries_once(world: World, files: Sequence[SmallFile]) -> list[str]:
    """Each file has the one entry of its content, and no repeated event became a duplicate or a rejection."""
    found = sorted(
        item["entry"]
        for item in _deliveries(world)
        if item["landing_key"].startswith(f"{FOLDER}shuffled")
    )
    wanted = sorted(f"file#{file.sha256}" for file in files)
    return (
        []
        if found == wanted
        else [f"ledger: {len(found)} entries for {len(wanted)} files, or others than theirs"]
    )
