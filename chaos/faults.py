"""Kill every task at every change it makes, stop executions in every state that lasts, and look what is left.

Either engine is broken: Spark's jobs fail the run, and where a function for small batches dies, Spark goes on with it.
Each fault hits the work that the one before left undone. After each: the failure was announced exactly once, nothing
holds the lock, no file is claimed, and the warehouse is as before or as the lake. In the end one run is let through,
and the tables must be those that Python computes from the files, so those of an undisturbed run, in both.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from chaos import fault_points, serving
from chaos.batches import SmallFile, batch, expected
from chaos.fault_points import Point, WarehousePoint
from chaos.outcome import Outcome, differences, left_open
from chaos.world import DATASET, Row, World
from pipeline.engines import Engine
from slipway.acting.inbox import Alert

FIRST_NUMBER = 20_000  # of the orders, apart from the other experiments'
LOOK_SECONDS = 0.1
ALERT_SECONDS = 20
MAKING_TABLES = "glue:CreateTable"
# The points of the short form: one per task, each known to be reached by any run.
# The machine retries the functions, or goes on with Spark, so one run gets past all of them; it does not retry Spark.
SHORT_SURVIVED = (
    ("ClaimBatch", "s3:PutObject"),
    ("LoadSmallBatch", "s3:PutObject"),
    ("Gate", "s3:GetObject"),
    ("CurateSmallBatch", "s3:PutObject"),
    ("Forecast", "s3:PutObject"),
    ("CloseRun", "dynamodb:DeleteItem"),
)
SHORT_JOB_CALL = "s3:PutObject"
SHORT_FAIL_RUN = "dynamodb:UpdateItem"
SHORT_STOP = "RawToProcessed"
SHORT_WAREHOUSE = WarehousePoint(
    moment="before", kind="merge"
)  # its rows are staged, its tables are as before


# Where processes die, the first before the others; or the name of the state in which the execution is stopped.
Fault = tuple[Point | WarehousePoint, ...] | str


@dataclass(frozen=True, kw_only=True)
class Part:
    """A share of the faults, so that several machines or processes try them all."""

    number: int
    of: int


WHOLE = Part(number=1, of=1)


@dataclass(kw_only=True)
class Breaking:
    """The experiment under way."""

    world: World
    roles: dict[str, str]
    files: list[SmallFile] = field(default_factory=list)
    served: serving.Tables = field(default_factory=dict)  # rows of the warehouse before the run
    tried: int = 0
    survived: int = 0
    told: int = 0
    problems: list[str] = field(default_factory=list)

    def waiting(self) -> bool:
        """Whether a file waits for a run."""
        return any(item["status"] == "waiting" for item in self.world.file_entries())

    def begin(self) -> str:
        """An execution that has work to do; its ARN."""
        self.served = serving.in_warehouse(self.world)
        if self.waiting():
            return self.world.start_run()
        known = {item["executionArn"] for item in self.world.executions()}
        file = batch("faults", count=1, first=FIRST_NUMBER + len(self.files), seed=len(self.files))[
            0
        ]
        key = file.key.replace("_0000", f"_{len(self.files):04d}")
        file = SmallFile(wave=len(self.files), key=key, records=file.records)
        self.files.append(file)
        self.world.put(file.key, file.body)
        while not (new := [arn for arn in self._arns() if arn not in known]):
            time.sleep(LOOK_SECONDS)
        return new[0]

    def crash(self, *points: Point | WarehousePoint) -> None:
        """Let a run die at the first point, and what retries it or handles its failure at the others.

        How often a job writes depends on its files: where a run makes fewer calls than the one that was watched, and so
        never comes to its point, the next one dies at the last of these.
        """
        before = fault_points.counted(self.world)
        missed, status = self._crash(points)
        (first, *handling) = points
        if missed and status == "SUCCEEDED" and isinstance(first, Point) and not handling:
            nearer = fault_points.last_before(first, before, fault_points.counted(self.world))
            if nearer:
                print(
                    f"{first} was not reached: that run was broken nowhere; again, at {nearer}",
                    flush=True,
                )
                self.tried, self.survived = self.tried - 1, self.survived - 1
                self.crash(nearer)
                return
        self.problems += [f"{crash} was never reached after {first}" for crash in missed]

    def _crash(self, points: Sequence[Point | WarehousePoint]) -> tuple[list[str], str]:
        """Arm the points and run: which of them were never reached, and the status of the execution."""
        control = self.world.cloud.control
        for point in points:
            control(point.command)
        execution = self.begin()
        self.world.wait_for(execution)
        status = self._look(execution, " then ".join(map(str, points)))
        return control("no-crash")["not_struck"] + control("no-warehouse-crash")[
            "not_struck"
        ], status

    def stop_in(self, state: str) -> None:
        """Stop an execution once it is in `state`."""
        execution = self.begin()
        client = self.world.client("stepfunctions")
        while not self._is_in(execution, state):
            if client.describe_execution(executionArn=execution)["status"] != "RUNNING":
                self.problems.append(f"{execution} ended before it was in {state}")
                return
            time.sleep(LOOK_SECONDS)
        client.stop_execution(executionArn=execution, error="Chaos", cause=f"stopped in {state}")
        self._look(execution, f"stopped in {state}")

    def through(self, faults: Sequence[Fault]) -> None:
        """Try one fault after the other."""
        for fault in faults:
            if isinstance(fault, str):
                self.stop_in(fault)
            else:
                self.crash(*fault)

    def watched(self, tasks: Sequence[str]) -> list[Point]:
        """The points of the tasks that one undisturbed run goes through."""
        before = fault_points.counted(self.world)
        self.world.wait_for(self.begin())
        self.world.wait_until_quiet()
        return fault_points.points(before, fault_points.counted(self.world), self.roles, tasks)

    def finish(self) -> None:
        """Let everything that waits through."""
        if self.waiting():
            self.world.wait_for(self.world.start_run())
        self.world.wait_until_quiet()

    def _arns(self) -> list[str]:
        return [item["executionArn"] for item in self.world.executions()]

    def _is_in(self, execution: str, state: str) -> bool:
        """Whether it has entered the state and not left it; a Map is left after the states within it."""
        history = self.world.client("stepfunctions").get_execution_history(
            executionArn=execution, reverseOrder=True
        )
        for event in history["events"]:
            for way in ("Entered", "Exited"):
                if event.get(f"state{way}EventDetails", {}).get("name") == state:
                    return way == "Entered"
        return False

    def _look(self, execution: str, fault: str) -> str:
        """What a failure must leave: one alert, no lock, no claimed file, a whole warehouse. A run may also survive.

        Returns the status of the execution.
        """
        self.tried += 1
        known = len(self.problems)
        status = self._judge(execution, fault)
        wrong = "; ".join(self.problems[known:]) or "as it must be"
        print(f"{self.tried}: {fault}: {status}, {wrong}", flush=True)
        return status

    def _judge(self, execution: str, fault: str) -> str:
        status = self.world.wait_for(execution)
        if status == "SUCCEEDED":
            self.survived += 1
            wanted = 0
        else:
            wanted = 1
        alerts = self._alerts(wanted)
        self.told += len(alerts)
        if len(alerts) != wanted:
            subjects = [alert.subject for alert in alerts]
            self.problems.append(
                f"{fault}: {status}, {len(alerts)} alerts of failed runs, expected {wanted}: {subjects}"
            )
        held = [item for item in self.world.run_entries() if item["entry"] == "claim"]
        held += [item for item in self.world.file_entries() if item["status"] == "claimed"]
        self.problems += [f"{fault}: still held: {item['entry']}" for item in held]
        self.look_at_warehouse(fault, survived=status == "SUCCEEDED")
        return status

    def look_at_warehouse(self, fault: str, *, survived: bool) -> None:
        """A load is one transaction: all of it is there, and must be after a run that succeeded, or nothing."""
        found, lake = serving.in_warehouse(self.world), serving.in_lake(self.world)
        if found != lake and (survived or found != self.served):
            wrong = differences(lake, found)
            self.problems.append(
                f"{fault}: the warehouse is neither as before nor as the lake: {wrong}"
            )

    def _alerts(self, wanted: int) -> list[Alert]:
        """Alerts of failed runs: what came once `wanted` were there and nothing moved any more, or time is over."""
        deadline = time.monotonic() + ALERT_SECONDS
        found: list[Alert] = []
        while True:
            self.world.wait_until_quiet()
            found += [alert for alert in self.world.inbox.read() if alert.topic == "RunFailed"]
            if len(found) >= wanted or time.monotonic() > deadline:
                return found


def run(world: World, *, short: bool, part: Part = WHOLE, engine: Engine = "spark") -> Outcome:
    """Break runs at every point, or at every `part.of`-th from number `part.number` on; in the short form at some.

    The short form breaks both engines, the full one that which is named.
    """
    breaking = Breaking(world=world, roles=fault_points.roles(world))
    world.inbox.read()
    before = world.tables()
    if short:
        breaking.through(_short_on_duckdb(breaking))
        world.engines.spark_only()
        breaking.through(_short_on_spark(breaking))
        world.engines.as_deployed()
    else:
        full = _full_on_duckdb if engine == "duckdb" else _full_on_spark
        faults = full(breaking)
        tried = breaking.tried
        print(f"{len(faults) + tried} faults, of which these were the first {tried}", flush=True)
        breaking.through(faults[part.number - 1 :: part.of])
    breaking.finish()
    problems = breaking.problems + left_open(world) + _tables(world, breaking.files, before)
    problems += serving.unlike_lake(world)
    return Outcome(
        figures={
            "runs broken": breaking.tried,
            "processes killed with SIGKILL at a call to AWS": len(world.cloud.control("crashes")),
            "warehouses ended at a statement": len(world.cloud.control("warehouse-crashes")),
            "of the runs, survived by a retry of the task": breaking.survived,
            "failures announced": breaking.told,
            "files": len(breaking.files),
        },
        problems=problems,
    )


def _first(breaking: Breaking, task: str, action: str) -> Point:
    return Point(task=task, role=breaking.roles[task], action=action, call=1)


def _short_on_duckdb(breaking: Breaking) -> list[Fault]:
    """One crash of each task, which a run survives, and one of the warehouse."""
    survived = tuple(_first(breaking, task, action) for task, action in SHORT_SURVIVED)
    return [survived, (SHORT_WAREHOUSE,)]


def _short_on_spark(breaking: Breaking) -> list[Fault]:
    """One crash of each job, of FailRun while it handles one, and one stop."""
    loading, curating = (_first(breaking, task, SHORT_JOB_CALL) for task in fault_points.JOBS)
    return [
        (loading, _first(breaking, "FailRun", SHORT_FAIL_RUN)),
        (curating,),
        SHORT_STOP,
    ]


def _full_on_duckdb(breaking: Breaking) -> list[Fault]:
    """Every point of the two functions for small batches, as they make the tables and after, and stops beside them.

    What the other tasks do is the same for both engines, and broken on Spark.
    """
    small = tuple(fault_points.SMALL.values())
    breaking.crash(*(_first(breaking, task, MAKING_TABLES) for task in small))
    breaking.finish()
    found = breaking.watched(small)
    return [*((point,) for point in found), *fault_points.JOBS]


def _full_on_spark(breaking: Breaking) -> list[Fault]:
    """Every point that an undisturbed run goes through, FailRun at each of its changes, the warehouse at each, stops.

    Tables are made once, so the jobs die while they make them before anything else is tried. What FailRun changes is
    seen while it handles a killed job, which is a fault like the others.
    """
    breaking.world.engines.spark_only()
    for task in fault_points.JOBS:
        breaking.crash(_first(breaking, task, MAKING_TABLES))
    breaking.finish()
    found = breaking.watched(fault_points.TASKS)
    killed_job = next(
        point for point in found if point.task in fault_points.JOBS
    )  # which no retry heals
    before = fault_points.counted(breaking.world)
    breaking.crash(killed_job)
    after = fault_points.counted(breaking.world)
    handling = fault_points.points(before, after, breaking.roles, tasks=["FailRun"])
    faults: list[Fault] = [(point,) for point in found if point != killed_job]
    faults += [(killed_job, point) for point in handling]
    faults += [(statement,) for statement in fault_points.warehouse_points()]
    faults += fault_points.STOPPED_IN
    return faults


def _tables(world: World, files: list[SmallFile], before: dict[str, list[Row]]) -> list[str]:
    """Against what Python computes; in a pipeline that held other files, only the rows that are new in processed."""
    found, wanted = world.tables(), expected(files)
    if not any(before.values()):
        return differences(wanted, found)
    name = f"processed.{DATASET}"
    known = set(before[name])
    return differences(
        {name: wanted[name]}, {name: [row for row in found[name] if row not in known]}
    )
