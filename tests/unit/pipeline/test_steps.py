"""The table of steps says what the state machines do, is consistent in itself, and is what the pages show."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, get_args

import pytest

from pipeline import steps
from pipeline.run_documents import CurateResult, LoadResult, MaintenanceResult, RunDocument
from pipeline.steps import DATASET_CARE, DATASET_RUN, MACHINES, RESUMABLE, Machine, Step

ROOT = Path(__file__).parents[3]
RESOURCES = {
    "function": "arn:aws:states:::lambda:invoke",
    "job": "arn:aws:states:::states:startExecution.sync:2",
    "spark_job": "arn:aws:states:::glue:startJobRun.sync",
    "machines": "arn:aws:states:::states:startExecution.sync:2",
    "execution": "arn:aws:states:::states:startExecution",
}
ORDER = get_args(steps.Tables)
STEPS = [(machine, step) for machine in MACHINES.values() for step in machine.steps]
IDS = [f"{machine.name}-{step.name}" for machine, step in STEPS]
each_step = pytest.mark.parametrize(("machine", "step"), STEPS, ids=IDS)
each_machine = pytest.mark.parametrize("machine", MACHINES.values(), ids=list(MACHINES))


def definition(machine: Machine) -> dict[str, Any]:
    text = (ROOT / "state_machines" / f"{machine.name}.asl.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


def state_of(machine: Machine, step: Step) -> dict[str, Any]:
    state: dict[str, Any] = definition(machine)["States"][step.name]
    return state


def reached_without_a_failure(machine: Machine) -> set[str]:
    found = definition(machine)
    reached: set[str] = set()
    names = [found["StartAt"]]
    while names:
        name = names.pop()
        state = found["States"][name]
        if name not in reached:
            reached.add(name)
            names += [state[key] for key in ("Next", "Default") if key in state]
            names += [choice["Next"] for choice in state.get("Choices", [])]
    return reached


@each_machine
def test_the_steps_are_the_states_that_do_something_in_the_order_of_the_file(
    machine: Machine,
) -> None:
    reached = reached_without_a_failure(machine)
    working = [
        name
        for name, state in definition(machine)["States"].items()
        if state["Type"] in ("Task", "Map", "Parallel")
        and name in reached
        and not name.startswith("Tell")  # has people told of a step, and does nothing for the next
    ]
    assert [step.name for step in machine.steps] == working


@each_step
def test_a_step_keeps_its_result_where_the_table_says(machine: Machine, step: Step) -> None:
    assert state_of(machine, step)["ResultPath"] == f"$.{step.result}"


@each_step
def test_a_step_is_done_by_whom_the_table_says(machine: Machine, step: Step) -> None:
    state = state_of(machine, step)
    tasks = state["ItemProcessor"]["States"].values() if state["Type"] == "Map" else [state]
    assert (state["Type"] == "Map") == (step.worker == "machines")
    assert [task["Resource"] for task in tasks] == [RESOURCES[step.worker]]


@each_step
def test_a_failure_ends_the_run_unless_the_step_is_best_effort(
    machine: Machine, step: Step
) -> None:
    state = state_of(machine, step)
    caught = state["Catch"][-1]
    goes_on = {
        "ErrorEquals": ["States.ALL"],
        "ResultPath": f"$.{step.result}",
        "Next": state.get("Next"),
    }
    assert (caught == goes_on) == step.is_best_effort
    assert (caught["Next"] == "FailRun") == (not step.is_best_effort)


def test_a_run_goes_on_where_the_table_says_that_it_may() -> None:
    choice = definition(DATASET_RUN)["States"]["WhereToBegin"]
    assert choice["Default"] == steps.FIRST.name
    named = [rule["StringEquals"] for rule in choice["Choices"]]
    assert [steps.FIRST.name, *named] == list(RESUMABLE)
    assert set(RESUMABLE) == {step.name for _, step in STEPS if step.is_resumable}


@each_step
def test_a_job_writes_the_document_of_its_name_and_nobody_else_does(
    machine: Machine, step: Step
) -> None:
    assert (step.document.WRITTEN_BY if step.document else None) == (
        step.result if step.is_job else None
    )
    if step.document:
        parameters = state_of(machine, step)["Parameters"]
        if step.worker == "job":
            assert parameters["Input"]["job"] == step.document.WRITTEN_BY
        else:
            assert parameters["JobName"] == f"${{{step.name}JobName}}"
        assert (ROOT / "glue_jobs" / f"{step.document.WRITTEN_BY}.py").is_file()


def test_every_result_document_is_of_a_step() -> None:
    assert {step.document for _, step in STEPS} - {None} == {
        LoadResult,
        CurateResult,
        MaintenanceResult,
    }


@each_machine
def test_a_step_reads_what_the_jobs_before_it_wrote(machine: Machine) -> None:
    written: list[type[RunDocument]] = []
    for step in machine.steps:
        needed = written if step.is_resumable else written[: len(step.reads)]
        assert list(step.reads) == needed, step.name
        written += [step.document] if step.document else []


@each_machine
def test_exactly_one_step_publishes_and_what_follows_works_on_what_is_published(
    machine: Machine,
) -> None:
    (publisher,) = (index for index, step in enumerate(machine.steps) if step.publishes)
    found = [ORDER.index(step.works_on) for step in machine.steps]
    assert found == sorted(found)
    published = [step.works_on == "published" for step in machine.steps]
    assert published == [index > publisher for index in range(len(published))]
    assert machine.steps[publisher].name in machine.step_unknown


def test_a_name_that_both_machines_have_has_one_sentence_about_the_tables() -> None:
    for _, step in STEPS:
        assert steps.after_failure(step.name) == step.after_failure
    with pytest.raises(KeyError):
        steps.after_failure("FailRun")


def test_steps_before_the_publishing_one_leave_the_tables_alone() -> None:
    for machine in MACHINES.values():
        for step in machine.steps:
            if step.publishes:
                break
            assert step.after_failure.startswith("No table was changed"), step.name


def page(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def rows_of(text: str) -> list[str]:
    """The first cells of a table's rows that name steps, in order."""
    names = {step.name for _, step in STEPS}
    return [cell for cell in re.findall(r"^\| (\w+) \|", text, re.M) if cell in names]


def names_of(machine: Machine) -> list[str]:
    return [step.name for step in machine.steps]


def test_the_runbook_lists_every_step_in_order() -> None:
    section = page("docs/runbook.md").split("| step | meaning |")[1].split("\n\n")[0]
    only_care = [name for name in names_of(DATASET_CARE) if name not in names_of(DATASET_RUN)]
    assert rows_of(section) == [*names_of(DATASET_RUN), *only_care]


def test_the_reference_lists_every_step_in_order() -> None:
    text = page("docs/reference/state_machines.md")
    section = text.split("| step | kind | input | output |")[1].split("\n\n")[0]
    assert rows_of(section) == names_of(DATASET_RUN)
    assert " -> ".join(names_of(DATASET_CARE)) in text


def test_the_reference_names_every_step_from_which_a_run_may_be_resumed() -> None:
    (words,) = re.findall(r"where `from` is\s+([^.]+)\.", page("docs/reference/state_machines.md"))
    assert re.findall(r"[A-Z]\w+", words) == list(RESUMABLE)


@pytest.mark.parametrize("name", ["README.md", "docs/architecture.md"])
def test_a_diagram_shows_every_step_of_a_run_in_order(name: str) -> None:
    shown = [step.name for step in DATASET_RUN.steps if step.worker != "execution"]
    diagram = page(name).split("```")[1]
    assert re.findall(rf"\b(?:{'|'.join(shown)})\b", diagram) == shown
