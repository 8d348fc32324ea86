"""The real services over fakes, wired like the handlers do it, and the promises that are watched at every write."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import cache
from types import TracebackType
from typing import Any, Self
from unittest import mock

from contracts import model
from lambdas.claim_batch import selection
from lambdas.claim_batch.engines import EngineLimits, SmallBatch
from lambdas.claim_batch.resuming import Resumption
from lambdas.claim_batch.selection import Selector
from lambdas.claim_batch.service import ClaimBatch
from lambdas.close_run.service import CloseRun
from lambdas.fail_run.service import FailRun
from lambdas.hold_dataset.service import HoldDataset
from lambdas.intake.arrival_notices import ArrivalNotices
from lambdas.intake.completion import Completion
from lambdas.intake.incomplete import Incomplete
from lambdas.intake.redelivery import Redelivery
from lambdas.intake.registration import Registration
from lambdas.intake.rejection import Rejection
from lambdas.intake.returning import Returning
from lambdas.intake.runs import RunStarter
from lambdas.intake.service import Intake
from lambdas.intake.storage import Storage
from lambdas.release_dataset import undoing
from lambdas.release_dataset.service import ReleaseDataset
from lambdas.release_dataset.waiting import WaitingFiles
from pipeline.alerts import Announcer
from pipeline.ledger import BY_STATUS, FileLedger, RunLedger, entries
from pipeline.ledger.transfers import TransferLedger
from pipeline.locking import DatasetLock
from pipeline.logs import Log
from tests.run_samples import PRICES
from tests.simulation.lake import Lake
from tests.simulation.services import Execution, MemoryS3, MemoryStepFunctions
from tests.simulation.table import Index, MemoryTable
from tests.simulation.world import World

DATASET = "sales_records"
RUN_MACHINE, CARE_MACHINE, ANNOUNCE_MACHINE = "dataset-run", "dataset-care", "announce"
SETTLE_SECONDS = 60
LEASE_SECONDS = 7200
MAX_FILES = 3  # few, so that files are left for another round


@cache
def contract() -> model.Contract:
    """The contract of DATASET."""
    return model.load(DATASET)


class OneBurst:
    """Bursts of rejections have tests of their own; here each rejection is in the same one."""

    def join(self, _about: str, _event: str, _label: str) -> str:
        """The burst."""
        return "burst"


class Queue:
    """The landing queue as far as intake hides messages of it."""

    def change_message_visibility_batch(self, **_request: Any) -> dict[str, Any]:
        """All hidden."""
        return {}


@dataclass
class Deployment:
    """Everything that one schedule works on."""

    world: World
    lake: Lake = field(default_factory=Lake)
    begin: Callable[[Execution], None] = lambda _execution: None

    def __post_init__(self) -> None:
        call, now = self.world.call, lambda: self.world.now
        index = Index(name=BY_STATUS, partition="dataset_status", sort="received_at")
        self.file_table = MemoryTable(
            name="files", indexes=(index,), now=now, lag=self.world.lag, call=call
        )
        self.run_table = MemoryTable(name="runs", now=now, lag=self.world.lag, call=call)
        self.s3 = MemoryS3(call=call, moment=self.world.moment)
        self.stepfunctions = MemoryStepFunctions(
            call=call, now=now, begin=lambda started: self.begin(started)
        )
        self.files, self.runs = FileLedger(self.file_table), RunLedger(self.run_table)
        self.announcer = Announcer(stepfunctions=self.stepfunctions, machine_arn=ANNOUNCE_MACHINE)

    @property
    def lock(self) -> DatasetLock:
        """The lock of the dataset."""
        return DatasetLock(
            files=self.files, runs=self.runs, lease_seconds=LEASE_SECONDS, now=self.world.moment
        )

    @property
    def intake(self) -> Intake:
        """Intake, as lambdas/intake/handler.py puts it together."""
        storage = Storage(self.s3)
        told = {
            "environment": "dev",
            "burst_seconds": 300,
            "bursts": OneBurst(),
            "announcer": self.announcer,
        }
        return Intake(
            contracts=[contract()],
            schema_change="evolve",
            storage=storage,
            completion=Completion(
                contracts=[contract()],
                transfers=TransferLedger(self.file_table),
                incomplete=Incomplete(files=self.files, **told),  # type: ignore[arg-type]
                now=self.world.moment,
            ),
            registration=Registration(raw_bucket="raw", files=self.files, storage=storage),
            rejection=Rejection(files=self.files, storage=storage, **told),  # type: ignore[arg-type]
            notices=ArrivalNotices(
                environment="dev",
                collect_seconds=0,
                bursts=OneBurst(),  # type: ignore[arg-type]
                announcer=self.announcer,
            ),
            returning=Returning(raw_bucket="raw", files=self.files, storage=storage),
            runs=RunStarter(stepfunctions=self.stepfunctions, state_machine_arn=RUN_MACHINE),
            redelivery=Redelivery(sqs=Queue(), queue_url="landing-events"),
        )

    @property
    def claim_batch(self) -> ClaimBatch:
        """The first task of a run."""
        return ClaimBatch(
            lock=self.lock,
            engines=EngineLimits(small=SmallBatch(max_rows=0, max_megabytes=0)),
            selector=Selector(files=self.files, s3=self.s3, raw_bucket="raw", max_files=MAX_FILES),
            resumption=Resumption(runs=self.runs, s3=self.s3, processed_bucket="processed"),
            s3=self.s3,
            raw_bucket="raw",
            processed_bucket="processed",
        )

    @property
    def close_run(self) -> CloseRun:
        """The last task of a run."""
        return CloseRun(
            environment="dev",
            files=self.files,
            runs=self.runs,
            announcer=self.announcer,
            prices=PRICES,
            now=self.world.moment,
        )

    @property
    def fail_run(self) -> FailRun:
        """What ends a failed run."""
        return FailRun(
            environment="dev",
            files=self.files,
            runs=self.runs,
            announcer=self.announcer,
            prices=PRICES,
            now=self.world.moment,
        )

    @property
    def hold_dataset(self) -> HoldDataset:
        """The first task of care."""
        return HoldDataset(lock=self.lock, s3=self.s3, processed_bucket="processed")

    @property
    def release_dataset(self) -> ReleaseDataset:
        """The last task of care."""
        return ReleaseDataset(
            environment="dev",
            files=self.files,
            runs=self.runs,
            announcer=self.announcer,
            waiting=self.waiting_files,
            prices=PRICES,
            now=self.world.moment,
        )

    @property
    def waiting_files(self) -> WaitingFiles:
        """Starts a run for what waits."""
        return WaitingFiles(
            files=self.files, stepfunctions=self.stepfunctions, state_machine_arn=RUN_MACHINE
        )

    def file_items(self) -> list[dict[str, Any]]:
        """The entry of each content, as it is now, without a call."""
        return [
            item for (_, entry), item in self.file_table.items.items() if entry.startswith("file#")
        ]

    def run_items(self) -> dict[str, dict[str, Any]]:
        """The entry of each run by its id, as it is now, without a call."""
        return {
            item["run_id"]: item
            for (_, entry), item in self.run_table.items.items()
            if entry.startswith("run#")
        }

    def lock_item(self) -> dict[str, Any] | None:
        """Who holds the dataset, without a call."""
        return self.run_table.items.get((DATASET, entries.LOCK_ENTRY))

    def told(self) -> list[Execution]:
        """What people were told, under which name and when."""
        return self.stepfunctions.of(ANNOUNCE_MACHINE)


class Inline(Executor):
    """A pool that does the work itself: only an actor's own thread has the baton."""

    def __init__(self, _workers: int) -> None:
        """Of one worker, whatever is asked for."""

    def map(self, work: Any, *items: Iterable[Any], **_more: Any) -> Iterator[Any]:
        """One after the other."""
        return map(work, *items)


@dataclass
class Seeded:
    """Stands in for `secrets`, so that a seed gives the same run ids."""

    world: World

    def token_hex(self, size: int) -> str:
        """As many random bytes in hex."""
        return f"{self.world.random.getrandbits(8 * size):0{2 * size}x}"


class Controlled:
    """While a schedule runs: run ids by the seed, no pools of threads, no log lines."""

    def __init__(self, world: World) -> None:
        self._patches = [
            mock.patch.object(entries, "secrets", Seeded(world)),
            mock.patch.object(selection, "ThreadPoolExecutor", Inline),
            mock.patch.object(undoing, "ThreadPoolExecutor", Inline),
            mock.patch.object(Log, "_write"),
        ]

    def __enter__(self) -> Self:
        for patch in self._patches:
            patch.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for patch in self._patches:
            patch.stop()
