"""Every mistake gets one message with its line, and none compiles; docs/contract_mistakes.md shows the same cases."""

from __future__ import annotations

from pathlib import Path

import pytest

from contracts.authoring import check, require_current
from contracts.errors import ContractInvalid
from tests.unit.contracts.cases.base import copy_fixtures
from tests.unit.contracts.cases.page import ALL_CASES, COMMAND, PAGE, row

PUBLISHED = PAGE.read_text(encoding="utf-8")


@pytest.fixture
def datasets(tmp_path: Path) -> Path:
    """A workspace of both fixture datasets, to be broken."""
    return copy_fixtures(tmp_path / "datasets")


@pytest.mark.parametrize("name", ALL_CASES)
def test_one_mistake_gives_one_message_at_its_line_and_never_synthesizes(
    name: str, datasets: Path
) -> None:
    case = ALL_CASES[name]
    place = f"datasets/{case.file.as_posix()}:{case.apply(datasets)}: {case.field}: "
    with pytest.raises(ContractInvalid) as refused:  # what synth calls first
        require_current(datasets, datasets.parent / "compiled")
    count, *found = [line.strip() for line in str(refused.value).splitlines()]
    assert count.startswith(f"{len(found)} mistake")
    matching = [problem for problem in found if problem.startswith(place)]
    assert any(case.message in problem for problem in matching), (
        f"expected {place}{case.message}, found: {found}"
    )
    assert row(name, found) in PUBLISHED, f"{PAGE.name} is stale; run: {COMMAND}"


def test_the_workspace_that_is_broken_has_no_mistake_of_its_own(datasets: Path) -> None:
    assert check(datasets) == []
