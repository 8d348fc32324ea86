"""Views that a dataset brings along as files: read with their columns, or refused with the file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from stacks.constructs.athena_view import ViewColumn
from stacks.view_files import views_in

GOOD = """-- What everybody spent
-- customer string: Token of the customer
-- spent decimal(38,4): What they paid: all of it
SELECT customer, spent FROM {curated}.totals JOIN {processed}.orders
"""


def write(root: Path, text: str) -> None:
    folder = root / "sql" / "athena" / "shop" / "views"
    folder.mkdir(parents=True)
    (folder / "spending.sql").write_text(text, encoding="utf-8")


def test_a_view_is_read_with_its_columns_and_the_databases_of_the_environment(
    tmp_path: Path,
) -> None:
    write(tmp_path, GOOD)
    [view] = views_in(tmp_path, "shop", "dev")
    assert (view.name, view.database, view.description) == (
        "spending",
        "slipway_dev_curated",
        "What everybody spent",
    )
    assert view.columns == (
        ViewColumn(name="customer", type="string", description="Token of the customer"),
        ViewColumn(name="spent", type="decimal(38,4)", description="What they paid: all of it"),
    )
    assert view.sql == (
        "SELECT customer, spent FROM slipway_dev_curated.totals JOIN slipway_dev_processed.orders"
    )


def test_a_dataset_without_views_has_none(tmp_path: Path) -> None:
    assert views_in(tmp_path, "shop", "dev") == ()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("SELECT 1", r"spending.sql:1: found \['SELECT 1'\]; a view begins with a comment line"),
        ("", r"spending.sql:1: found \[\]; a view begins"),
        ("-- Described\nSELECT 1", r"spending.sql:1: found \['-- Described'\]"),
        (
            GOOD.replace("-- spent", "-- Spent"),
            r"spending.sql:3: found '-- Spent decimal.*expected a column as",
        ),
        (GOOD.replace(" string:", ":"), "spending.sql:2: found '-- customer: Token"),
    ],
)
def test_a_view_that_does_not_say_what_it_gives_is_refused_with_file_and_line(
    tmp_path: Path, text: str, told: str
) -> None:
    write(tmp_path, text)
    with pytest.raises(ValueError, match=told):
        views_in(tmp_path, "shop", "dev")
