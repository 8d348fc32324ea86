"""The small functions of a run and of care, each with its own role that can do what its code does and nothing else.

docs/reference/functions.md lists what each reads and may do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from constructs import Construct

from contracts import naming
from pricing import engines, price_list
from stacks.base import Blueprint
from stacks.constructs import permissions
from stacks.constructs.dataset_machine import DatasetMachine
from stacks.constructs.python_function import PythonFunction
from stacks.duckdb_functions import TIMEOUT_SECONDS as DUCKDB_SECONDS
from stacks.storage import LEDGER_INDEX, StorageStack

SERVE_SECONDS = 6_000  # TimeoutSeconds of RunServingMachine in state_machines/; all of them run at the same time
SPARE_SECONDS = 60 * 60  # starts of jobs, waits between retries and the functions themselves


@dataclass(frozen=True, kw_only=True)
class RunFunctions:
    """Builds the functions in `scope`; one method each. `announce` is the machine that tells people; `serves`: whether
    any machine serves the tables after a run.

    A function ends before its task does (TimeoutSeconds in state_machines/), so that none works on unseen.
    """

    scope: Construct
    blueprint: Blueprint
    storage: StorageStack
    announce: DatasetMachine
    serves: bool

    def claim_batch(self) -> PythonFunction:
        """Locks a dataset and claims its files."""
        storage = self.storage
        part = self._function(
            "claim_batch",
            "Takes a dataset's lock and its files, and writes the manifest of the run",
            {
                **self._ledgers(),
                "RAW_BUCKET": storage.raw.bucket_name,
                "PROCESSED_BUCKET": storage.processed.bucket_name,
                "MAX_FILES_PER_RUN": str(self.blueprint.settings.runs.max_files_per_run),
                "DUCKDB_MAX_ROWS": str(self.blueprint.settings.duckdb.max_rows),
                "DUCKDB_MAX_MEGABYTES": str(self.blueprint.settings.duckdb.max_megabytes),
                **self._emr_limits(),
                "CLAIM_LEASE_SECONDS": str(self._lease_seconds),
            },
            timeout_seconds=540,
        )
        self._allow_ledgers(
            part, files=["GetItem", "UpdateItem"], runs=["PutItem", "DeleteItem", "Query"]
        )
        permissions.note_rarely_used(
            part.role,
            {
                "dynamodb:DeleteItem": "forgets a run that had nothing to do",
                "s3:GetObject": "a resume reads what the failed run wrote",
            },
        )
        # A backfill looks for its files by listing them: it has no business with what is in one.
        permissions.allow_s3_list(part.role, bucket=storage.raw)
        self._allow_runs(part, write=True)
        return part

    def gate(self) -> PythonFunction:
        """Reads what the first job measured."""
        part = self._function(
            "gate",
            "Refuses to go on unless rows and money add up",
            {
                "PROCESSED_BUCKET": self.storage.processed.bucket_name,
                "FILE_LEDGER": self.storage.file_ledger.table_name,
            },
        )
        self._allow_runs(part)
        permissions.allow_table(
            part.role, table=self.storage.file_ledger, actions=["GetItem", "UpdateItem"]
        )
        permissions.note_rarely_used(
            part.role,
            {
                "dynamodb:GetItem": "looks up whose rows a file replaces, where a contract limits that",
                "dynamodb:UpdateItem": "sets files aside that have more bad rows than the contract allows",
            },
        )
        permissions.allow_key(
            part.role, key=self.storage.data_key, services=["dynamodb", "s3"], write=True
        )
        return part

    def close_run(self) -> PythonFunction:
        """Ends a run that succeeded."""
        part = self._function(
            "close_run",
            "Closes both ledgers, has success announced and releases the lock",
            {
                **self._environment(),
                **self._ledgers(),
                "PROCESSED_BUCKET": self.storage.processed.bucket_name,
                **self._announcing(),
                **self._prices(),
            },
            timeout_seconds=240,
        )
        self._allow_ledgers(part, files=["GetItem", "UpdateItem"], runs=["DeleteItem"])
        self._allow_runs(part)
        self._allow_start(part, self.announce)
        return part

    def fail_run(self) -> PythonFunction:
        """Ends a run that failed."""
        part = self._function(
            "fail_run",
            "Gives the files back, has the failure announced and releases the lock",
            {
                **self._environment(),
                **self._ledgers(),
                **self._announcing(),
                **self._prices(),
            },
            timeout_seconds=240,
        )
        self._allow_ledgers(part, files=["GetItem", "UpdateItem"], runs=["DeleteItem", "Query"])
        self._allow_start(part, self.announce)
        return part

    def hold_dataset(self) -> PythonFunction:
        """Locks a dataset for the care of its tables."""
        part = self._function(
            "hold_dataset",
            "Takes a dataset's lock and writes down what shall be done with its tables",
            {
                **self._ledgers(),
                "PROCESSED_BUCKET": self.storage.processed.bucket_name,
                "CLAIM_LEASE_SECONDS": str(self._lease_seconds),
            },
            timeout_seconds=240,
        )
        self._allow_ledgers(
            part,
            files=["GetItem", "UpdateItem"],
            runs=["PutItem", "DeleteItem", "Query"],
            index=False,
        )
        permissions.note_rarely_used(
            part.role,
            {
                "dynamodb:DeleteItem": "a repeated call frees the lock of its own run that was ended meanwhile",
                "dynamodb:Query": "a rollback looks for later runs",
                "dynamodb:UpdateItem": "a run that died with the lock is ended and its files are given back",
            },
        )
        permissions.allow_s3_write(
            part.role, bucket=self.storage.processed, prefixes=[naming.RUNS_PREFIX]
        )
        return part

    def release_dataset(self, run: DatasetMachine) -> PythonFunction:
        """Ends the care of a dataset's tables; `run` is the machine that takes files which waited meanwhile."""
        part = self._function(
            "release_dataset",
            "Writes what was done to the ledgers, releases the lock and starts a run if files wait",
            {
                **self._environment(),
                **self._ledgers(),
                "PROCESSED_BUCKET": self.storage.processed.bucket_name,
                "STATE_MACHINE_ARN": run.arn,
                **self._announcing(),
                **self._prices(),
            },
        )
        self._allow_ledgers(part, files=["GetItem", "UpdateItem"], runs=["DeleteItem"])
        self._allow_runs(part)
        self._allow_start(part, self.announce, run)
        return part

    @property
    def _lease_seconds(self) -> int:
        """A round of a run is two jobs, each at most as long as both engines together, and what serves their tables."""
        settings = self.blueprint.settings
        spark_minutes = max(
            settings.glue.timeout_minutes,
            settings.emr.timeout_minutes if settings.emr.enabled else 0,
        )
        jobs = 2 * (spark_minutes * 60 + DUCKDB_SECONDS)
        return jobs + (SERVE_SECONDS if self.serves else 0) + SPARE_SECONDS

    def _function(
        self,
        name: str,
        description: str,
        environment: Mapping[str, str],
        *,
        timeout_seconds: int = 110,
    ) -> PythonFunction:
        return PythonFunction(
            self.scope,
            "".join(word.capitalize() for word in name.split("_")),
            root=self.blueprint.root,
            name=name,
            description=description,
            environment=environment,
            timeout_seconds=timeout_seconds,
            memory_mb=512,  # Lambda gives processor time by memory; less makes the start of boto3 slow
            log_days=self.blueprint.log_days,
            log_key=self.storage.operations_key,
            removal_policy=self.blueprint.removal_policy,
        )

    def _emr_limits(self) -> dict[str, str]:
        emr = self.blueprint.settings.emr
        if not emr.enabled:
            return {}
        return {
            "EMR_ABOVE_ROWS": str(emr.above_rows),
            "EMR_ABOVE_MEGABYTES": str(emr.above_megabytes),
        }

    def _environment(self) -> dict[str, str]:
        return {"ENVIRONMENT": self.blueprint.settings.environment}

    def _prices(self) -> dict[str, str]:
        """What closes a run says what its engines cost, and must not read YAML."""
        settings = self.blueprint.settings
        return engines.worker_second_prices(
            price_list.load(),
            worker_type=settings.glue.worker_type,
            memory_megabytes=settings.duckdb.memory_megabytes,
            emr=settings.emr.enabled,
        )

    def _announcing(self) -> dict[str, str]:
        return {"ANNOUNCE_STATE_MACHINE_ARN": self.announce.arn}

    def _ledgers(self) -> dict[str, str]:
        return {
            "FILE_LEDGER": self.storage.file_ledger.table_name,
            "RUN_LEDGER": self.storage.run_ledger.table_name,
        }

    def _allow_ledgers(
        self, part: PythonFunction, *, files: Sequence[str], runs: Sequence[str], index: bool = True
    ) -> None:
        """`files` on the file ledger; on the run ledger GetItem, UpdateItem and `runs`."""
        storage = self.storage
        permissions.allow_table(
            part.role,
            table=storage.file_ledger,
            actions=files,
            index=LEDGER_INDEX if index else None,
        )
        permissions.allow_table(
            part.role, table=storage.run_ledger, actions=["GetItem", "UpdateItem", *runs]
        )
        permissions.allow_key(
            part.role, key=storage.data_key, services=["dynamodb", "s3"], write=True
        )

    def _allow_runs(self, part: PythonFunction, *, write: bool = False) -> None:
        """Documents of runs; listing, since a document that is missing must not look like one that is forbidden."""
        processed, prefixes = self.storage.processed, [naming.RUNS_PREFIX]
        permissions.allow_s3_read(part.role, bucket=processed, prefixes=prefixes)
        permissions.allow_s3_list(part.role, bucket=processed)
        if write:
            permissions.allow_s3_write(part.role, bucket=processed, prefixes=prefixes)

    def _allow_start(self, part: PythonFunction, *machines: DatasetMachine) -> None:
        permissions.allow(
            part.role,
            actions=["states:StartExecution"],
            resources=[machine.arn for machine in machines],
        )
