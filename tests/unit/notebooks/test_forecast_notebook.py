"""The notebook on forecasts runs without any deployment, and what it shows is what the product does."""

from __future__ import annotations

import json
from typing import Any

import nbformat
import pytest

from notebooks import execute

INSPECTION = """
import json
print(json.dumps({
    "errors": errors.groupby("kind")[["model", "seasonal_naive"]].mean().to_dict(),
    "reasons": reasons.to_dict("records"),
    "importance": importance.to_dict(),
    "learned": len(learned),
}))
"""


@pytest.fixture(scope="module")
def executed() -> Any:
    document = execute.read(execute.HERE / "forecast.ipynb")
    document.cells.append(nbformat.v4.new_code_cell(INSPECTION))
    execute.execute(document)
    return document


@pytest.fixture(scope="module")
def left(executed: Any) -> dict[str, Any]:
    return dict(json.loads(executed.cells[-1].outputs[0].text))


def test_it_is_one_of_the_notebooks_that_run_here_and_draws_its_figures(executed: Any) -> None:
    assert "forecast" in execute.local()
    outputs = [out for cell in executed.cells for out in cell.get("outputs", [])]
    assert sum("image/png" in out.get("data", {}) for out in outputs) == 3
    assert 'src="http' not in execute.to_html(executed)


def test_the_model_errs_less_than_naive_where_there_is_a_season(left: dict[str, Any]) -> None:
    errors = left["errors"]
    for kind in ("season", "promotions", "breaks"):
        assert errors["model"][kind] < errors["seasonal_naive"][kind]
    assert left["importance"]["holt_winters"] > left["importance"]["last_but_two"]


def test_it_says_of_each_series_why_and_publishes_none_without_a_season(
    left: dict[str, Any],
) -> None:
    reasons = left["reasons"]
    assert len(reasons) == 20
    assert all(each["why"] for each in reasons)
    assert {each["published"] for each in reasons if each["kind"] == "noise"} == {"seasonal_naive"}
    passed = [each for each in reasons if each["published"] == "gradient_boosting"]
    assert passed
    assert all(each["why"].startswith("passed") for each in passed)
