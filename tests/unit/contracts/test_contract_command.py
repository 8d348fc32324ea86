"""`slipway contract`: two contracts by any of their names, shown for people and for programs."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from contracts import model
from contracts.authoring.sources import open_contract
from contracts.errors import ContractInvalid
from slipway.__main__ import main
from tests.unit.contracts.cases.base import FIXTURES, VISITS, edit

TINY = FIXTURES / "tiny"


@pytest.fixture
def changed(tmp_path: Path) -> Path:
    """The tiny contract with a looser limit, another rule and another aggregate."""
    datasets = Path(shutil.copytree(TINY / "datasets", tmp_path / "datasets"))
    edit(datasets / VISITS, "maximum: 999.50", "maximum: 9999.50")
    edit(datasets / VISITS, "or spent = 0", "or spent < 1")
    edit(datasets / "visits" / "curated" / "visits_by_month.sql", "count(*)", "count(visit_id)")
    return datasets / VISITS


def test_a_diff_shows_each_change_the_plan_and_the_version(
    changed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["contract", "diff", str(TINY / "compiled" / "visits.json"), str(changed)]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "visits 0.1.0 -> 0.1.0" in said
    for word in (
        "columns.spent.maximum",
        "curated.visits_by_month.sql",
        "rules.browsers_spend_nothing.expression",
    ):
        assert f"needs backfill {word[:12]}" in said
    assert "slipway backfill" in said
    assert said.endswith(
        "all in all needs backfill: the least version that may carry this is 0.2.0"
    )


def test_a_diff_is_one_json_document_for_programs(
    changed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = str(TINY / "released" / "visits" / "0.1.0.json")
    assert main(["contract", "diff", old, str(changed.parent), "--format", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["dataset"], document["impact"], document["least_version"]) == (
        "visits",
        "needs backfill",
        "0.2.0",
    )
    limit = next(
        change for change in document["changes"] if change["field"] == "columns.spent.maximum"
    )
    assert (limit["old"], limit["new"], limit["impact"]) == ("999.50", "9999.50", "needs backfill")
    assert [(step["action"], step["tables"]) for step in document["plan"]["steps"]] == [
        ("backfill", ["visits", "visits_quarantine", "visits_by_month"]),
        ("recompute", ["visits_by_month"]),
    ]
    assert document["plan"]["warnings"] == []


def test_equal_contracts_say_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["contract", "diff", "sales_records", "sales_records"]) == 0
    assert "nothing changed" in capsys.readouterr().out


def test_a_release_is_opened_by_dataset_and_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["contract", "diff", "sales_records@1.0.0", "sales_records@1.1.0"]) == 0
    assert "table_rules.an_order_is_there_once" in capsys.readouterr().out


def test_the_contracts_of_this_repository_pass_the_check() -> None:
    assert main(["contract", "check"]) == 0


def test_a_model_that_no_small_run_computes_with_duckdb_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    contract = model.load("sales_records")
    first = contract.curated[0]
    cased = replace(first, sql=first.sql.replace("    region,", "    lower(region) AS region,"))
    changed = replace(contract, curated=(cased, *contract.curated[1:]))
    monkeypatch.setattr(model, "load", lambda _name: changed)
    monkeypatch.setattr(model, "datasets", lambda: ["sales_records"])
    assert main(["contract", "check"]) == 0
    assert (
        f"sales_records: every run computes it with Spark: curated model {first.name}: it uses lower"
        in capsys.readouterr().out
    )


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("sales", "no contract 'sales'; expected a contract.yaml, .* or one of: .*sales_records"),
        ("sales_records@1.0", "found version '1.0'; expected three numbers"),
        (
            "sales_records@7.0.0",
            r"no release released/sales_records/7\.0\.0\.json; known versions: 1\.0\.0",
        ),
    ],
)
def test_a_name_that_means_no_contract_is_told_what_would(name: str, message: str) -> None:
    with pytest.raises(ContractInvalid, match=message):
        open_contract(name, root=Path(__file__).parents[3])


def test_a_contract_with_mistakes_is_not_compared(changed: Path) -> None:
    edit(changed, "status: draft", "status: sketch")
    with pytest.raises(
        ContractInvalid, match=r"(?s)has mistakes:.*contract.yaml:7: status: found 'sketch'"
    ):
        open_contract(str(changed), root=Path())
