"""Where a run can be broken: every call of every task that changes something, and every state it can be stopped in.

The points are not written down but counted: an undisturbed run is watched, and each change that a role made in it is a
place to die. A task that changes nothing dies at its first call. The warehouse dies at each statement of a load.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal
from urllib.parse import quote

from chaos.world import DATASET, World
from contracts import model
from contracts.warehouse import statements as warehouse
from contracts.warehouse.sql import head_of
from contracts.warehouse.statements import TableLoad
from pipeline import steps

SERVING = "LoadWarehouse"  # the function that works for the step Serve
_STEPS = steps.DATASET_RUN.steps
# The function that does a job's work when the batch is small.
SMALL = {"RawToProcessed": "LoadSmallBatch", "ProcessedToCurated": "CurateSmallBatch"}
FORECAST = steps.FORECAST.name  # writes tables, as the functions of small batches do
# The stack that each function is in.
FUNCTIONS = {
    **{step.name: "Orchestration" for step in _STEPS if step.worker == "function"},
    **dict.fromkeys((*SMALL.values(), FORECAST), "Processing"),
    SERVING: "Warehouse",
    "FailRun": "Orchestration",  # it runs only where another task failed
    "ReleaseDataset": "Orchestration",  # of the machine that maintains
}
# The output of the stack that names each job.
JOBS = {step.name: f"{step.name}JobName" for step in _STEPS if step.is_job}
# In the order of the state machine. HandOver has no process of its own that could be killed.
TASKS = tuple(
    task
    for step in _STEPS
    if step.worker != "execution"
    for task in (
        SERVING if step.worker == "machines" else step.name,
        *([SMALL[step.name]] if step.is_job else []),
    )
)
# The others are over within moments.
STOPPED_IN = ("SettleUploads", *(step.name for step in _STEPS if step.is_lasting))
CHANGES = ("Put", "Update", "Delete", "Create", "Publish", "Send", "Start", "BatchExecute")
# What a service asks for in the role's name before or after the task's own call; no process of the task makes it.
BY_SERVICES = ("kms:", "logs:")
# Of one action in a job, the first and the last call: tests/spark kills the jobs of both engines at every write.
CALLS_OF_JOBS = 2
Counts = Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class Point:
    """Call number `call` (from 1) of `action` by the role of `task`."""

    task: str
    role: str
    action: str
    call: int

    def __str__(self) -> str:
        return f"{self.task}, {self.action} number {self.call}"

    @property
    def command(self) -> str:
        """What tells the embedded AWS to kill the task's process there (local_cloud/instruments/control.py)."""
        return f"crash-at/{self.role}/{self.action}/{self.call}"


@dataclass(frozen=True, kw_only=True)
class WarehousePoint:
    """The warehouse itself dies, around the first statement that is filled from sql/redshift/load/<kind>.sql."""

    moment: Literal["before", "after"]
    kind: str

    def __str__(self) -> str:
        return f"Serve, the warehouse {self.moment} {self.kind}"

    @property
    def command(self) -> str:
        """As that of Point; a statement begins with a comment that names its kind."""
        return f"warehouse-crash-at/{self.moment}/{quote(f'slipway {self.kind} ')}"


def roles(world: World) -> dict[str, str]:
    """Role name of each task of the state machine."""
    glue, functions = world.client("glue"), world.client("lambda")
    found = {
        task: glue.get_job(JobName=world.deployment.output(output))["Job"]["Role"]
        for task, output in JOBS.items()
    }
    for task, stack in FUNCTIONS.items():
        name = world.physical_id(stack, f"{task}Function", "AWS::Lambda::Function")
        found[task] = functions.get_function_configuration(FunctionName=name)["Role"]
    return {task: arn.rsplit("/", 1)[-1] for task, arn in found.items()}


def counted(world: World) -> dict[str, Counts]:
    """{role: {action: allowed calls so far}}."""
    used = world.cloud.control("used-permissions")
    return {
        role: {action: found["allowed"] for action, found in actions.items()}
        for role, actions in used.items()
    }


def points(
    before: Mapping[str, Counts],
    after: Mapping[str, Counts],
    roles: Mapping[str, str],
    tasks: Sequence[str] = TASKS,
) -> list[Point]:
    """Every point of the tasks that a run between the two counts went through, in their order."""
    return [
        Point(task=task, role=roles[task], action=action, call=call)
        for task in tasks
        for action, calls in _changes(before.get(roles[task], {}), after.get(roles[task], {}))
        for call in (
            _spread(calls) if task in {*JOBS, *SMALL.values(), FORECAST} else range(1, calls + 1)
        )
    ]


def last_before(
    point: Point, before: Mapping[str, Counts], after: Mapping[str, Counts]
) -> Point | None:
    """The last call of the point's action that a run between the two counts made; None unless it is an earlier one."""
    made = after.get(point.role, {}).get(point.action, 0) - before.get(point.role, {}).get(
        point.action, 0
    )
    return replace(point, call=made) if 0 < made < point.call else None


def warehouse_points() -> list[WarehousePoint]:
    """Before the first of each kind of statement of a load of periods, in order, and after its last statement.

    What is after the last one is before the commit.
    """
    models = warehouse.marked(model.load(DATASET))
    loads = [
        TableLoad(model=item, mode="periods", periods=("2020-01-01",), anew=False, snapshot_id=None)
        for item in models
    ]
    heads = filter(None, map(head_of, warehouse.loading(models, loads, "run")))
    kinds = list(dict.fromkeys(head.kind for head in heads))
    before = [WarehousePoint(moment="before", kind=kind) for kind in kinds]
    return [*before, WarehousePoint(moment="after", kind=kinds[-1])]


def _changes(before: Counts, after: Counts) -> Iterator[tuple[str, int]]:
    made = {action: calls - before.get(action, 0) for action, calls in after.items()}
    called = {
        action: calls
        for action, calls in made.items()
        if calls > 0 and not action.startswith(BY_SERVICES)
    }
    changes = {
        action: calls
        for action, calls in called.items()
        if action.split(":")[1].startswith(CHANGES)
    }
    yield from changes.items() if changes else [(action, 1) for action in list(called)[:1]]


def _spread(calls: int) -> list[int]:
    """The first and the last call."""
    return list(range(1, calls + 1)) if calls <= CALLS_OF_JOBS else [1, calls]
