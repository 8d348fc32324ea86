"""The run ledger: runs and care of tables, the one lock of a dataset, and the data subjects that were erased."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.ledger import items
from pipeline.ledger.entries import (
    ERASED_PREFIX,
    FIRST_SEEN_ENTRY,
    LOCK_ENTRY,
    RUN_PREFIX,
    Item,
    RunStatus,
    erased_entry,
    run_entry,
)
from pipeline.modes import RunMode

RECENT_RUNS = 50


@dataclass(frozen=True)
class RunLedger:
    """Operations on the run ledger table."""

    table: Any

    def lock(self, dataset: str) -> Item | None:
        """Who holds the dataset now (strongly consistent), or None."""
        return items.get(self.table, dataset, LOCK_ENTRY)

    def take_lock(
        self,
        dataset: str,
        *,
        run_id: str,
        execution_arn: str,
        expires_at: int,
        dead: Item | None = None,
    ) -> bool:
        """Take the free lock, or the one that `dead` left behind; False when somebody else was faster.

        The same call again finds its own lock: botocore repeats a call whose answer was lost.
        """
        item = {
            "dataset": dataset,
            "entry": LOCK_ENTRY,
            "run_id": run_id,
            "execution_arn": execution_arn,
            "expires_at": expires_at,
        }
        ours = "(run_id = :run AND execution_arn = :arn)"
        values = {":run": run_id, ":arn": execution_arn}
        if dead is None:
            return items.put(self.table, item, f"attribute_not_exists(entry) OR {ours}", values)
        return items.put(
            self.table, item, f"run_id = :dead OR {ours}", {**values, ":dead": dead["run_id"]}
        )

    def release_lock(self, dataset: str, run_id: str, *, execution_arn: str | None = None) -> bool:
        """Free the lock if this run holds it, and for this execution if one is given; False when it does not.

        A run that is resumed keeps its id, so that the execution tells who holds it for whom.
        """
        ours = " AND execution_arn = :arn" if execution_arn else ""
        arn = {":arn": execution_arn} if execution_arn else {}
        try:
            self.table.delete_item(
                Key={"dataset": dataset, "entry": LOCK_ENTRY},
                ConditionExpression=f"run_id = :run{ours}",
                ExpressionAttributeValues={":run": run_id, **arn},
            )
        except self.table.meta.client.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def get(self, dataset: str, run_id: str) -> Item | None:
        """The run as it is now (strongly consistent), or None."""
        return items.get(self.table, dataset, run_entry(run_id))

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
        retracts: Mapping[str, str] | None = None,
    ) -> bool:
        """Write a run that begins, with the files it means to claim; False when it is there already.

        `retracts` says of a retraction which of them it takes out (`sha256`), for whom (`by`) and why (`reason`).
        """
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
            **({"retracts": dict(retracts)} if retracts else {}),
        }
        return items.put(self.table, item, "attribute_not_exists(entry)")

    def forget(self, dataset: str, run_id: str) -> None:
        """Remove a run that turned out to have nothing to do."""
        self.table.delete_item(Key={"dataset": dataset, "entry": run_entry(run_id)})

    def finish(
        self, dataset: str, run_id: str, status: RunStatus, attributes: Mapping[str, Any]
    ) -> bool:
        """running -> `status` with `attributes`; False when the run had ended before."""
        names = {f"#{index}": name for index, name in enumerate(attributes)}
        values = {f":{index}": value for index, value in enumerate(attributes.values())}
        assignments = ", ".join(f"#{index} = :{index}" for index in range(len(attributes)))
        return self._move(
            dataset,
            run_id,
            change=f"SET #status = :to, {assignments}",
            condition="#status = :from",
            values={":to": status, ":from": "running", **values},
            names=names,
        )

    def reopen(self, dataset: str, run_id: str, *, execution_arn: str) -> bool:
        """failed -> running again under another execution, also when repeated by it; False otherwise."""
        return self._move(
            dataset,
            run_id,
            change="SET #status = :running, execution_arn = :arn REMOVE ended_at, #error, cause",
            condition="#status = :failed OR (#status = :running AND execution_arn = :arn)",
            values={":running": "running", ":failed": "failed", ":arn": execution_arn},
            names={"#error": "error"},
        )

    def mark_rolled_back(self, dataset: str, run_id: str, *, by_run: str, moment: str) -> bool:
        """succeeded -> rolled back, also when repeated; False when the run had not succeeded."""
        return self._move(
            dataset,
            run_id,
            change="SET #status = :to, rolled_back_by = :by, rolled_back_at = :moment",
            condition="#status = :from OR (#status = :to AND rolled_back_by = :by)",
            values={":to": "rolled_back", ":from": "succeeded", ":by": by_run, ":moment": moment},
        )

    def since(self, dataset: str, run_id: str) -> list[Item]:
        """The run and every later one, in order of their start; all of them for "" (strongly consistent)."""
        query = {
            "KeyConditionExpression": "dataset = :dataset AND entry BETWEEN :first AND :last",
            "ExpressionAttributeValues": {
                ":dataset": dataset,
                ":first": run_entry(run_id),
                ":last": run_entry("~"),  # after every run id: they start with a digit
            },
            "ConsistentRead": True,
        }
        return list(items.every(self.table, query))

    def newest_first(self, dataset: str) -> Iterator[Item]:
        """Every run, the newest first, read page by page as long as the caller goes on (strongly consistent)."""
        query = {
            "KeyConditionExpression": "dataset = :dataset AND begins_with(entry, :prefix)",
            "ExpressionAttributeValues": {":dataset": dataset, ":prefix": RUN_PREFIX},
            "ScanIndexForward": False,
            "ConsistentRead": True,
            "Limit": RECENT_RUNS,
        }
        return items.every(self.table, query)

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

    def first_seen(self, dataset: str, *, moment: str) -> str:
        """When this was asked first of the dataset: `moment` if never before."""
        known = items.get(self.table, dataset, FIRST_SEEN_ENTRY)
        if known is None:
            item = {"dataset": dataset, "entry": FIRST_SEEN_ENTRY, "at": moment}
            if items.put(self.table, item, "attribute_not_exists(entry)"):
                return moment
            known = items.get(self.table, dataset, FIRST_SEEN_ENTRY) or item
        return str(known["at"])

    def remember_erased(self, dataset: str, token: str, *, run_id: str, moment: str) -> None:
        """From now on records of this data subject are refused when files are loaded (again)."""
        item = {
            "dataset": dataset,
            "entry": erased_entry(token),
            "run_id": run_id,
            "erased_at": moment,
        }
        self.table.put_item(Item=item)

    def erased_subjects(self, dataset: str) -> list[str]:
        """Tokens of all data subjects that were erased, sorted (strongly consistent)."""
        query = {
            "KeyConditionExpression": "dataset = :dataset AND begins_with(entry, :prefix)",
            "ExpressionAttributeValues": {":dataset": dataset, ":prefix": ERASED_PREFIX},
            "ConsistentRead": True,
        }
        return sorted(
            str(item["entry"]).removeprefix(ERASED_PREFIX)
            for item in items.every(self.table, query)
        )

    def _move(
        self,
        dataset: str,
        run_id: str,
        *,
        change: str,
        condition: str,
        values: Mapping[str, Any],
        names: Mapping[str, str] | None = None,
    ) -> bool:
        moved = items.update(
            self.table,
            dataset,
            run_entry(run_id),
            change=change,
            condition=condition,
            values=values,
            names=names,
        )
        return moved is not None
