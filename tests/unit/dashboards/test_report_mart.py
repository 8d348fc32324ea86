"""The page of a mart: its figures, its last runs with the versions that they read, and what a new deployment says."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from contracts import marts
from dashboards import page, page_mart
from dashboards.page_data import MartHealth
from slipway.deployment import Deployment
from slipway.reading import lake
from slipway.reading import marts as runs_of_marts
from slipway.reading.marts import MartRuns
from slipway.showing import report

NAME = "superstore_cohorts"
DEPLOYMENT = Deployment(environment="local", region="us-east-1", outputs={})
STARTED = {"run_id": "r1", "trigger": "superstore", "started_at": "2026-11-29T12:00:00.000000Z"}
PUBLISHED = {
    **STARTED,
    "status": "succeeded",
    "outcome": "published",
    "rows": Decimal(1200),
    "version": "8",
    "totals": {"sales": "12.50"},
    "cut": {"superstore": "7001"},
    "detail": "3 periods written",
}
FAILED = {**STARTED, "status": "failed", "error": "ReconciliationFailed", "cause": "<b>sales</b>"}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The queries that the lake was asked."""
    found: list[str] = []
    row = (date(2024, 1, 1), date(2024, 3, 1), 2)  # cohort, month, months since the first order

    def rows(_deployment: Deployment, sql: str) -> list[tuple[Any, ...]]:
        found.append(sql)
        if 'max("month_start") from' in sql:
            return [(date(2024, 3, 1),)]
        return [(*_grouped(sql, row), 5, 3, Decimal("9.5"), Decimal("1.5"), 4)]

    monkeypatch.setattr(lake, "rows", rows)
    return found


def _grouped(sql: str, row: tuple[Any, ...]) -> list[Any]:
    names = sql.partition("group by ")[2].partition(" order")[0]
    by_name = dict(zip(("cohort_month", "month_start", "months_since_first"), row, strict=True))
    return [by_name[name.strip().strip('"')] for name in names.split(",")]


def written(monkeypatch: pytest.MonkeyPatch, *runs: dict[str, Any]) -> str:
    found = MartRuns(mart=marts.load(NAME), runs=list(runs))
    monkeypatch.setattr(runs_of_marts, "one", lambda _deployment, _name: found)
    return page.render(report.collect_mart(DEPLOYMENT, NAME))


def test_the_page_has_its_figures_runs_and_versions(
    asked: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    text = written(monkeypatch, FAILED, PUBLISHED)
    for part in (
        "Superstore cohorts",
        "Last run: failed",
        "Sums are those of its inputs",
        "superstore 7001",
        "sum of sales = sum of superstore.sales",
        "ReconciliationFailed: &lt;b&gt;sales&lt;/b&gt;",
        '"dataThrough":"2024-02-29"',  # whether the newest month is over, nobody says
    ):
        assert part in text, part
    assert len(asked) == 2
    file = report.write(DEPLOYMENT, NAME, tmp_path / "cohorts.html")
    assert file.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_a_mart_that_was_never_computed_says_so_and_athena_is_not_asked(
    asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = written(monkeypatch)
    assert "Never computed" in text
    assert "The mart holds no rows." in text
    assert asked == []


def test_marts_with_a_dashboard_have_a_page(capsys: pytest.CaptureFixture[str]) -> None:
    assert NAME in report.with_dashboard()
    assert capsys.readouterr().out == ""


def test_without_a_published_version_nothing_is_called_reconciled() -> None:
    health = MartHealth(inputs=("a",), conserved=(), runs=())
    assert page_mart.reconciled(health)[1] == "Not reconciled"
