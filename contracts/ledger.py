"""The two DynamoDB ledgers: what an entry is called, which states it has, and the only writes that move it.

Every move is one conditional write: two writers cannot both win, and the same writer may repeat itself after a crash.
Tables are handed in as boto3 Table objects; this module imports the standard library only. A run keeps the hashes of
its files itself (`file_hashes`): whoever ends or resumes it reads them strongly consistent; the index would lag.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

FileStatus = Literal["registering", "waiting", "claimed", "loaded", "set_aside", "duplicate", "rejected"]
RunStatus = Literal["running", "succeeded", "failed", "rolled_back"]
# The first three work on files (state machine dataset_run), the others on tables (dataset_care).
RunMode = Literal["load", "backfill", "replay", "maintenance", "rollback", "erasure"]
Item = dict[str, Any]

BY_STATUS = "by_status"
LOCK_ENTRY = "claim"
RUN_PREFIX = "run#"
ERASED_PREFIX = "erased#"
# Where the files of a run are taken from, and go back to when it fails: a backfill or replay works on loaded files.
HELD_STATUS: dict[str, FileStatus] = {"load": "waiting", "backfill": "loaded", "replay": "loaded"}
# What tells one delivery of a content from another.
DELIVERY = ("file_name", "landing_key", "sequencer", "received_at")
UNKNOWN_DATASET = "unknown"  # owner of a file that no contract accepts
RECENT_RUNS = 50
# DynamoDB allows a sort key 1,024 bytes, S3 an object key as many (service quotas): a long key is cut at its front.
LONGEST_KEY_IN_ENTRY_BYTES = 900


def file_entry(sha256: str) -> str:
    """Entry of the one claim on a content per dataset."""
    return f"file#{sha256}"


def duplicate_entry(sha256: str, sequencer: str) -> str:
    """Entry of a delivery whose content was already there."""
    return f"duplicate#{sha256}#{sequencer}"


def rejected_entry(landing_key: str, sequencer: str) -> str:
    """Entry of a delivery that was not accepted; found without reading the file again."""
    tail = landing_key.encode()[-LONGEST_KEY_IN_ENTRY_BYTES:].decode(errors="ignore")
    return f"rejected#{tail}#{sequencer}"


def run_entry(run_id: str) -> str:
    """Entry of a run."""
    return RUN_PREFIX + run_id


def erased_entry(token: str) -> str:
    """Entry that says a data subject was erased; `token` as contracts.personal_data makes it."""
    return ERASED_PREFIX + token


def dataset_status(dataset: str, status: FileStatus) -> str:
    """Partition key of the index `by_status`."""
    return f"{dataset}#{status}"


def new_run_id(now: datetime) -> str:
    """An identifier that sorts by start time: YYYYMMDDTHHMMSS-<8 hex>."""
    return f"{now.astimezone(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"


def timestamp(moment: datetime) -> str:
    """ISO 8601 in UTC with microseconds and Z, so that text order is time order."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


@dataclass(frozen=True)
class FileLedger:
    """Operations on the file ledger table."""

    table: Any

    def get(self, dataset: str, entry: str) -> Item | None:
        """The entry as it is now (strongly consistent), or None."""
        return _get(self.table, dataset, entry)

    def add(self, item: Mapping[str, Any]) -> bool:
        """Write a new entry; False when there is one already."""
        status: FileStatus = item["status"]
        full = {**item, "dataset_status": dataset_status(item["dataset"], status)}
        return _put(self.table, full, "attribute_not_exists(entry)")

    def mark_waiting(self, dataset: str, sha256: str) -> bool:
        """registering -> waiting; False when it was past that already."""
        return bool(
            self._move(dataset, sha256, "waiting", condition="#status = :from", values={":from": "registering"})
        )

    def precede(self, known: Item, earlier: Mapping[str, Any]) -> Item | None:
        """Let an `earlier` delivery of the same content stand for it: the entry as it is then.

        Events come in any order, and which row wins over another depends on `received_at`. `known` is the entry as it
        was read, `earlier` has the attributes named in DELIVERY; the delivery that gives way is kept in `displaced`.
        None when the entry has changed since, or no longer waits.
        """
        displaced = {name: known[name] for name in DELIVERY}
        return self._move(
            known["dataset"],
            known["sha256"],
            "waiting",
            condition=" AND ".join(["#status = :to", *(f"{name} = :was_{name}" for name in DELIVERY)]),
            values={
                **{f":{name}": earlier[name] for name in DELIVERY},
                **{f":was_{name}": displaced[name] for name in DELIVERY},
                ":none": [],
                ":displaced": [displaced],
            },
            sets=", ".join(
                [
                    *(f"{name} = :{name}" for name in DELIVERY),
                    "displaced = list_append(if_not_exists(displaced, :none), :displaced)",
                ]
            ),
        )

    def claim(self, dataset: str, sha256: str, run_id: str, *, held: FileStatus = "waiting") -> Item | None:
        """`held` -> claimed by `run_id`: the whole entry, also when the run holds it already; None when it cannot."""
        return self._move(
            dataset,
            sha256,
            "claimed",
            condition="#status = :from OR (#status = :to AND run_id = :run)",
            values={":from": held, ":run": run_id},
            sets="run_id = :run",
        )

    def give_back(self, dataset: str, sha256: str, run_id: str, *, held: FileStatus = "waiting") -> bool:
        """claimed by `run_id` -> `held`, where the run took it from; False when this run does not hold it."""
        return bool(
            self._move(
                dataset,
                sha256,
                held,
                condition="#status = :from AND run_id = :run",
                values={":from": "claimed", ":run": run_id},
                removes="run_id",
            )
        )

    def close(self, dataset: str, sha256: str, run_id: str, counts: Mapping[str, int]) -> bool:
        """claimed by `run_id` -> loaded with `counts`, also when repeated; False when the run does not hold it."""
        return bool(
            self._move(
                dataset,
                sha256,
                "loaded",
                condition="(#status = :from OR #status = :to) AND run_id = :run",
                values={":from": "claimed", ":run": run_id, **{f":{name}": count for name, count in counts.items()}},
                sets=", ".join(f"{name} = :{name}" for name in counts),
            )
        )

    def set_aside(
        self, dataset: str, sha256: str, *, held: FileStatus, reason: str, moment: str, run_id: str | None = None
    ) -> bool:
        """waiting, loaded or claimed (`held`) -> set aside with `reason`, also when repeated: no run takes it any more.

        A run that takes a file out of its own batch gives its `run_id`. False when the file is in another state.
        """
        ours = " AND run_id = :run" if run_id else ""
        return bool(
            self._move(
                dataset,
                sha256,
                "set_aside",
                condition=f"(#status = :from{ours}) OR #status = :to",
                values={":from": held, ":reason": reason, ":moment": moment, **({":run": run_id} if run_id else {})},
                sets="set_aside_reason = :reason, set_aside_at = :moment",
                removes="run_id",
            )
        )

    def release(self, dataset: str, sha256: str) -> bool:
        """set aside -> waiting; False when it was not set aside."""
        return bool(
            self._move(
                dataset,
                sha256,
                "waiting",
                condition="#status = :from",
                values={":from": "set_aside"},
                removes="set_aside_reason, set_aside_at",
            )
        )

    def mark_alerted(self, dataset: str, entry: str, moment: str) -> None:
        """Remember that people were told about this entry."""
        self.table.update_item(
            Key={"dataset": dataset, "entry": entry},
            UpdateExpression="SET alerted_at = :moment",
            ExpressionAttributeValues={":moment": moment},
        )

    def waiting(self, dataset: str, limit: int) -> list[str]:
        """Hashes of waiting files, oldest first, at most `limit`. Eventually consistent: claim() decides."""
        page = self.table.query(**_with_status(dataset, "waiting"), ScanIndexForward=True, Limit=limit)
        return [item["entry"].removeprefix(file_entry("")) for item in page["Items"]]

    def with_status(self, dataset: str, status: FileStatus) -> Iterator[Item]:
        """Every entry in a status, oldest first, over all pages. Eventually consistent: claim() decides."""
        start: dict[str, Any] = {}
        while True:
            page = self.table.query(**_with_status(dataset, status), ScanIndexForward=True, **start)
            yield from (dict(item) for item in page["Items"])
            if "LastEvaluatedKey" not in page:
                return
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    def count_waiting(self, dataset: str) -> int:
        """How many files wait, up to one page of the index (1 MB of entries); eventually consistent."""
        return int(self.table.query(**_with_status(dataset, "waiting"), Select="COUNT")["Count"])

    def _move(
        self,
        dataset: str,
        sha256: str,
        status: FileStatus,
        *,
        condition: str,
        values: Mapping[str, Any],
        sets: str = "",
        removes: str = "",
    ) -> Item | None:
        assignments = ["#status = :to", "dataset_status = :dataset_status", *([sets] if sets else [])]
        try:
            answer = self.table.update_item(
                Key={"dataset": dataset, "entry": file_entry(sha256)},
                UpdateExpression=f"SET {', '.join(assignments)}" + (f" REMOVE {removes}" if removes else ""),
                ConditionExpression=condition,
                ExpressionAttributeNames={"#status": "status"},  # `status` is a reserved word of DynamoDB
                ExpressionAttributeValues={
                    ":to": status,
                    ":dataset_status": dataset_status(dataset, status),
                    **values,
                },
                ReturnValues="ALL_NEW",
            )
        except self.table.meta.client.exceptions.ConditionalCheckFailedException:
            return None
        return dict(answer["Attributes"])


@dataclass(frozen=True)
class RunLedger:
    """Operations on the run ledger table."""

    table: Any

    def lock(self, dataset: str) -> Item | None:
        """Who holds the dataset now (strongly consistent), or None."""
        return _get(self.table, dataset, LOCK_ENTRY)

    def take_lock(
        self, dataset: str, *, run_id: str, execution_arn: str, expires_at: int, dead: Item | None = None
    ) -> bool:
        """Take the free lock, or the one that `dead` left behind; False when somebody else was faster."""
        item = {
            "dataset": dataset,
            "entry": LOCK_ENTRY,
            "run_id": run_id,
            "execution_arn": execution_arn,
            "expires_at": expires_at,
        }
        if dead is None:
            return _put(self.table, item, "attribute_not_exists(entry)")
        return _put(self.table, item, "run_id = :dead", {":dead": dead["run_id"]})

    def release_lock(self, dataset: str, run_id: str) -> bool:
        """Free the lock if this run holds it; False when it does not."""
        try:
            self.table.delete_item(
                Key={"dataset": dataset, "entry": LOCK_ENTRY},
                ConditionExpression="run_id = :run",
                ExpressionAttributeValues={":run": run_id},
            )
        except self.table.meta.client.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def get(self, dataset: str, run_id: str) -> Item | None:
        """The run as it is now (strongly consistent), or None."""
        return _get(self.table, dataset, run_entry(run_id))

    def start(
        self,
        dataset: str,
        run_id: str,
        *,
        trigger: str,
        execution_arn: str,
        started_at: str,
        contract_version: str,
        file_hashes: Sequence[str],
        mode: RunMode = "load",
    ) -> bool:
        """Write a run that begins, with the files it means to claim; False when it is there already."""
        item = {
            "dataset": dataset,
            "entry": run_entry(run_id),
            "run_id": run_id,
            "status": "running",
            "mode": mode,
            "trigger": trigger,
            "execution_arn": execution_arn,
            "started_at": started_at,
            "contract_version": contract_version,
            "file_hashes": list(file_hashes),
            "file_count": len(file_hashes),
        }
        return _put(self.table, item, "attribute_not_exists(entry)")

    def forget(self, dataset: str, run_id: str) -> None:
        """Remove a run that turned out to have nothing to do."""
        self.table.delete_item(Key={"dataset": dataset, "entry": run_entry(run_id)})

    def finish(self, dataset: str, run_id: str, status: RunStatus, attributes: Mapping[str, Any]) -> bool:
        """running -> `status` with `attributes`; False when the run had ended before."""
        names = {f"#{index}": name for index, name in enumerate(attributes)}
        values = {f":{index}": value for index, value in enumerate(attributes.values())}
        assignments = ", ".join(f"#{index} = :{index}" for index in range(len(attributes)))
        try:
            self.table.update_item(
                Key={"dataset": dataset, "entry": run_entry(run_id)},
                UpdateExpression=f"SET #status = :to, {assignments}",
                ConditionExpression="#status = :from",
                ExpressionAttributeNames={"#status": "status", **names},
                ExpressionAttributeValues={":to": status, ":from": "running", **values},
            )
        except self.table.meta.client.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def reopen(self, dataset: str, run_id: str, *, execution_arn: str) -> bool:
        """failed -> running again under another execution, also when repeated by it; False otherwise."""
        try:
            self.table.update_item(
                Key={"dataset": dataset, "entry": run_entry(run_id)},
                UpdateExpression="SET #status = :running, execution_arn = :arn REMOVE ended_at, #error, cause",
                ConditionExpression="#status = :failed OR (#status = :running AND execution_arn = :arn)",
                ExpressionAttributeNames={"#status": "status", "#error": "error"},
                ExpressionAttributeValues={":running": "running", ":failed": "failed", ":arn": execution_arn},
            )
        except self.table.meta.client.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def mark_rolled_back(self, dataset: str, run_id: str, *, by_run: str, moment: str) -> bool:
        """succeeded -> rolled back, also when repeated; False when the run had not succeeded."""
        try:
            self.table.update_item(
                Key={"dataset": dataset, "entry": run_entry(run_id)},
                UpdateExpression="SET #status = :to, rolled_back_by = :by, rolled_back_at = :moment",
                ConditionExpression="#status = :from OR (#status = :to AND rolled_back_by = :by)",
                ExpressionAttributeNames={"#status": "status"},
                ExpressionAttributeValues={
                    ":to": "rolled_back",
                    ":from": "succeeded",
                    ":by": by_run,
                    ":moment": moment,
                },
            )
        except self.table.meta.client.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def since(self, dataset: str, run_id: str) -> list[Item]:
        """The run and every later one, in order of their start; all of them for "" (strongly consistent)."""
        found: list[Item] = []
        start: dict[str, Any] = {}
        while True:
            page = self.table.query(
                KeyConditionExpression="dataset = :dataset AND entry BETWEEN :first AND :last",
                ExpressionAttributeValues={
                    ":dataset": dataset,
                    ":first": run_entry(run_id),
                    ":last": run_entry("~"),  # after every run id: they start with a digit
                },
                ConsistentRead=True,
                **start,
            )
            found += [dict(item) for item in page["Items"]]
            if "LastEvaluatedKey" not in page:
                return found
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    def running_of(self, dataset: str, execution_arn: str) -> Item | None:
        """The run that an execution has begun and not ended, among the dataset's newest runs, or None."""
        page = self.table.query(
            KeyConditionExpression="dataset = :dataset AND begins_with(entry, :prefix)",
            ExpressionAttributeValues={":dataset": dataset, ":prefix": RUN_PREFIX},
            ScanIndexForward=False,
            ConsistentRead=True,
            Limit=RECENT_RUNS,
        )
        of_execution = (item for item in page["Items"] if item["execution_arn"] == execution_arn)
        return next((dict(item) for item in of_execution if item["status"] == "running"), None)

    def remember_erased(self, dataset: str, token: str, *, run_id: str, moment: str) -> None:
        """From now on records of this data subject are refused when files are loaded (again)."""
        item = {"dataset": dataset, "entry": erased_entry(token), "run_id": run_id, "erased_at": moment}
        self.table.put_item(Item=item)

    def erased_subjects(self, dataset: str) -> list[str]:
        """Tokens of all data subjects that were erased, sorted (strongly consistent)."""
        found: list[str] = []
        start: dict[str, Any] = {}
        while True:
            page = self.table.query(
                KeyConditionExpression="dataset = :dataset AND begins_with(entry, :prefix)",
                ExpressionAttributeValues={":dataset": dataset, ":prefix": ERASED_PREFIX},
                ConsistentRead=True,
                **start,
            )
            found += [str(item["entry"]).removeprefix(ERASED_PREFIX) for item in page["Items"]]
            if "LastEvaluatedKey" not in page:
                return sorted(found)
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}


def _get(table: Any, dataset: str, entry: str) -> Item | None:
    found = table.get_item(Key={"dataset": dataset, "entry": entry}, ConsistentRead=True).get("Item")
    return None if found is None else dict(found)


def _put(table: Any, item: Mapping[str, Any], condition: str, values: Mapping[str, Any] | None = None) -> bool:
    given = {"ExpressionAttributeValues": dict(values)} if values else {}
    try:
        table.put_item(Item=dict(item), ConditionExpression=condition, **given)
    except table.meta.client.exceptions.ConditionalCheckFailedException:
        return False
    return True


def _with_status(dataset: str, status: FileStatus) -> dict[str, Any]:
    return {
        "IndexName": BY_STATUS,
        "KeyConditionExpression": "dataset_status = :dataset_status",
        "ExpressionAttributeValues": {":dataset_status": dataset_status(dataset, status)},
    }
