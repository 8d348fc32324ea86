"""Whole runs and care of a dataset in Delta leave what they leave in Iceberg, after every step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, get_args

import pytest

from contracts.model import TableFormat
from tests.spark.keeping import ANNA, BERTA, FIRST, SECOND, THIRD, KeptLake
from tests.spark.lake import Killed, Lake, lines
from tests.spark.orders import ORDERS

pytestmark = pytest.mark.deep  # each operation has its test in test_formats and test_delta
Content = dict[str, list[tuple[Any, ...]]]
Story = Callable[[KeptLake], Iterator[Content]]
MARCH = ("3,3/1/2024,open,3,30.00,", "4,3/9/2024,paid,4,40.00,")


@pytest.fixture
def lakes(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> dict[TableFormat, KeptLake]:
    """An empty lake for each format."""
    found: dict[TableFormat, KeptLake] = {}
    documents: dict[str, str] = {}  # of whichever lake is at work
    for name in get_args(TableFormat):
        environment = lake.environment if name == "iceberg" else f"{lake.environment}_{name}"
        kept = KeptLake(
            spark=lake.spark,
            folder=lake.folder / name,
            environment=environment,
            documents=documents,
        )
        kept.contract = replace(kept.contract, table_format=name, history=True)
        kept.keep_documents_here(monkeypatch)
        found[name] = kept
    return found


def runs(kept: KeptLake) -> Iterator[Content]:
    """Files that add, correct and break rows, a run that is killed while it publishes, and a backfill."""
    kept.contract = replace(ORDERS, table_format=kept.contract.table_format, history=True)
    first = kept.put(lines("1,1/5/2024,open,1,10.00,", "2,2/6/2024,paid,2,20.00,", "x,,,,,"))
    kept.run(first, run_id=FIRST)
    yield kept.content([FIRST])
    second = kept.put(lines("1,1/5/2024,paid,1,11.00,", *MARCH), name="second.csv", minute=1)
    kept.load(second, run_id=SECOND)
    yield kept.content([FIRST])  # the draft is not seen
    with pytest.raises(Killed):
        kept.curate(SECOND, publications=2)
    kept.curate(SECOND)
    yield kept.content([FIRST, SECOND])
    kept.run(first, run_id=THIRD, mode="backfill")
    yield kept.content([THIRD])


def care(kept: KeptLake) -> Iterator[Content]:
    """Runs of which one is rolled back, maintenance, and the erasure of a person."""
    kept.fill(FIRST, (1, "2024-01-01", "10.00"), refused=1)
    before = kept.fill(SECOND, (2, "2024-01-01", "5.00"), (3, "2024-02-01", "7.00"), customer=BERTA)
    yield kept.content()
    kept.documents.clear()
    kept.roll_back(before, SECOND)
    yield kept.content()
    kept.fill(THIRD, (4, "2024-01-02", "1.00"), customer=BERTA)
    kept.maintain()
    yield kept.content()
    kept.documents.clear()
    kept.erase(ANNA)
    yield kept.content()
    kept.fill("20240501T100009-00000009", (5, "2024-01-03", "2.00"), customer=BERTA)
    yield kept.content()


@pytest.mark.parametrize("story", [runs, care])
def test_every_step_leaves_the_same_rows(lakes: dict[TableFormat, KeptLake], story: Story) -> None:
    told = zip(*(story(kept) for kept in lakes.values()), strict=True)
    for iceberg, delta in told:
        assert delta == iceberg
        assert any(iceberg.values())
