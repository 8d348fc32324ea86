"""The steps of the two machines that work on a dataset, each once: whoever must know one reads it here.

Names, order and places of results are those of state_machines/*.asl.json, and a test compares both. Neither is made
from the other: the files are what operators see in the console, and say why each state is as it is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from pipeline.run_documents import CurateResult, LoadResult, MaintenanceResult, RunDocument

# function: a Lambda. job: job_run.asl.json, on an engine that the run chose. spark_job: a Glue job.
# machines: other state machines, all at once. execution: one that nobody waits for, as for the others.
Worker = Literal["function", "job", "spark_job", "machines", "execution"]
# unchanged: as before the run. branch: with this run's rows on a branch that no reader sees.
# published: with this run's rows for everybody.
Tables = Literal["unchanged", "branch", "published"]


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step of a machine, called like its state.

    `result` is the field of the execution's state that is there once the step has ended well;
    `document` the kind of document that its job writes. `works_on` is how it finds the tables, and
    `reads` the kinds that it needs, besides the manifest or the request. `publishes`:
    readers see what the run did once it has ended. `is_resumable`: an operator may let a failed
    run go on here. `is_best_effort`: its failure does not fail the run. `after_failure` is the
    sentence about the tables that people get when it failed.
    """

    name: str
    result: str
    worker: Worker
    works_on: Tables
    after_failure: str
    document: type[RunDocument] | None = None
    reads: tuple[type[RunDocument], ...] = ()
    publishes: bool = False
    is_resumable: bool = False
    is_best_effort: bool = False

    @property
    def is_job(self) -> bool:
        """Whether an engine does it, and writes its `document`."""
        return self.worker in ("job", "spark_job")

    @property
    def is_lasting(self) -> bool:
        """Whether it takes minutes, because it waits for a job or for other machines."""
        return self.is_job or self.worker == "machines"


@dataclass(frozen=True, kw_only=True)
class Machine:
    """A state machine: its steps in order, without those that only handle a failure.

    `name` is that of its file. `step_unknown` is the sentence about the tables that people get
    when it failed at nobody knows which step.
    """

    name: str
    steps: tuple[Step, ...]
    step_unknown: str


NO_CHANGE = "No table was changed: processed and curated are as before the run."

CLAIM_BATCH = Step(
    name="ClaimBatch",
    result="claim",
    worker="function",
    works_on="unchanged",
    after_failure=NO_CHANGE,
)
RAW_TO_PROCESSED = Step(
    name="RawToProcessed",
    result="raw_to_processed",
    document=LoadResult,
    worker="job",
    works_on="unchanged",
    is_resumable=True,
    after_failure=NO_CHANGE,
)
GATE = Step(
    name="Gate",
    result="gate",
    worker="function",
    works_on="branch",
    reads=(LoadResult,),
    is_resumable=True,
    after_failure=NO_CHANGE,
)
PROCESSED_TO_CURATED = Step(
    name="ProcessedToCurated",
    result="processed_to_curated",
    document=CurateResult,
    worker="job",
    works_on="branch",
    reads=(LoadResult,),
    publishes=True,
    is_resumable=True,
    after_failure=(
        "Tables are published at the very end of this step, one by one. If it failed before, none was changed; if while"
        " publishing, some show this run's data, and a retry makes them agree."
    ),
)
FORECAST = Step(
    name="Forecast",
    result="forecast",
    worker="function",
    works_on="published",
    is_best_effort=True,
    after_failure=(
        "The tables were published with this run's data; the tables of forecasts have the forecast from before."
    ),
)
SERVE = Step(
    name="Serve",
    result="serve",
    worker="machines",
    works_on="published",
    reads=(LoadResult, CurateResult),
    is_resumable=True,
    after_failure=(
        "The lake's tables are as this run was to leave them. The warehouse and the internal database take a load in"
        " one transaction each: their tables are as before, or show this run whole."
    ),
)
CLOSE_RUN = Step(
    name="CloseRun",
    result="close",
    worker="function",
    works_on="published",
    reads=(LoadResult, CurateResult),
    is_resumable=True,
    after_failure="The tables were published with this run's data; a retry or the next run has the same effect.",
)
HAND_OVER = Step(
    name="HandOver",
    result="hand_over",
    worker="execution",
    works_on="published",
    after_failure="The tables are as asked and the ledger says so; only what follows the closing failed.",
)

HOLD = Step(
    name="Hold",
    result="hold",
    worker="function",
    works_on="unchanged",
    after_failure="No table was changed.",
)
ROLL_FORECAST_BACK = Step(
    name="RollForecastBack",
    result="forecast_rollback",
    worker="function",
    works_on="unchanged",
    after_failure=(
        "No table was changed but, at most, that of the forecast, by one commit; to see it: slipway forecast show."
    ),
)
CARE = Step(
    name="Care",
    result="care",
    document=MaintenanceResult,
    worker="spark_job",
    works_on="unchanged",
    publishes=True,
    after_failure=(
        "Each table is changed by commits of its own, and no row that the request did not name; which are done is in"
        " the job's log. The same request again does the rest."
    ),
)
# Nothing of a care run is resumed: the same request is made again.
SERVE_CARE = replace(SERVE, reads=(MaintenanceResult,), is_resumable=False)
RELEASE = Step(
    name="Release",
    result="release",
    worker="function",
    works_on="published",
    reads=(MaintenanceResult,),
    after_failure="The tables were changed as asked; only the record of it failed. Asked again, nothing more changes.",
)

DATASET_RUN = Machine(
    name="dataset_run",
    steps=(
        CLAIM_BATCH,
        RAW_TO_PROCESSED,
        GATE,
        PROCESSED_TO_CURATED,
        FORECAST,
        SERVE,
        CLOSE_RUN,
        HAND_OVER,
    ),
    step_unknown=(
        f"Tables change only at the end of {PROCESSED_TO_CURATED.name}: if the execution's history does not show that"
        " step as succeeded, processed and curated are as before the run."
    ),
)
DATASET_CARE = Machine(
    name="dataset_care",
    steps=(HOLD, ROLL_FORECAST_BACK, CARE, FORECAST, SERVE_CARE, RELEASE),
    step_unknown=(
        f"Tables change only in the steps {CARE.name} and {ROLL_FORECAST_BACK.name}: if the execution's history shows"
        " neither, they are as before."
    ),
)
MACHINES = {machine.name: machine for machine in (DATASET_RUN, DATASET_CARE)}
RESUMABLE = {step.name: step for step in DATASET_RUN.steps if step.is_resumable}
FIRST = RAW_TO_PROCESSED  # of the work on a batch: before it files are only claimed
_AFTER_FAILURE = {
    step.name: step.after_failure for machine in MACHINES.values() for step in machine.steps
}


def after_failure(name: str) -> str:
    """What people are told of the tables when the step called `name` failed.

    Serve, the one name that both machines have, has one sentence. Raises KeyError for no step.
    """
    return _AFTER_FAILURE[name]
