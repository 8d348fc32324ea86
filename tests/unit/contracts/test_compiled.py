"""What is compiled is what runtimes load, is current, and comes from one contract and its SQL alone."""

from __future__ import annotations

import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import jsonschema
import pytest
import yaml
from open_data_contract_standard.model import OpenDataContractStandard

from contracts import model
from contracts.authoring import compile_all, compiler, require_current
from contracts.authoring.__main__ import main
from contracts.errors import ContractInvalid

ROOT = Path(__file__).resolve().parents[3]
TINY = Path(__file__).parent / "fixtures" / "tiny"
SHOWN = TINY.relative_to(ROOT).as_posix()
TINY_COMMAND = (
    f"python -m contracts.authoring --datasets {SHOWN}/datasets --compiled {SHOWN}/compiled"
)


def test_compiled_contracts_are_current() -> None:
    texts = compile_all(ROOT / "datasets")
    committed = {
        file.stem: file.read_text(encoding="utf-8")
        for file in (ROOT / "contracts" / "compiled").glob("*.json")
    }
    assert committed == texts, (
        "compiled contracts are stale; run: make contracts (python -m contracts.authoring)"
    )


def test_a_second_dataset_is_one_contract_and_its_sql() -> None:
    files = sorted(
        file.relative_to(TINY / "datasets").as_posix() for file in (TINY / "datasets").rglob("*.*")
    )
    assert files == ["visits/contract.yaml", "visits/curated/visits_by_month.sql"]
    golden = (TINY / "compiled" / "visits.json").read_text(encoding="utf-8")
    assert compile_all(TINY / "datasets") == {"visits": golden}, (
        f"if the change is meant, run: {TINY_COMMAND}"
    )


def test_every_promise_of_the_second_contract_reaches_the_runtime() -> None:
    (visits,) = require_current(TINY / "datasets", TINY / "compiled")
    assert visits.key == ("visit_id",)
    assert (visits.owner, visits.alert_email, visits.freshness_hours) == (
        "Shop",
        "shop@example.com",
        48,
    )
    assert visits.intake == model.Intake(
        folder="visits",
        suffixes=(".csv",),
        delimiter=";",
        max_bytes=1_000_000,
        ignored_headers=(),
        partners=(),
        redelivery="load",
    )
    assert visits.retention == model.Retention(
        raw_days=365, raw_archive_after_days=30, processed_days=730, quarantine_days=90
    )
    assert (visits.partition_column, visits.partition_transform) == ("visit_date", "day")
    assert visits.max_quarantined_share == "0.50"
    assert [column.name for column in visits.control_columns] == ["spent"]
    spent, visitor = visits.column("spent"), visits.column("visitor")
    assert (spent.minimum, spent.maximum, spent.precision_and_scale) == ("0.00", "999.50", (8, 2))
    assert (visitor.required, visitor.pattern, visitor.max_length) == (False, "[A-Z]{2}-[0-9]+", 12)
    assert visits.column("visited_at").source_name == "Visited At (UTC)"
    assert visits.column("kind").allowed == ("browse", "buy")
    assert visits.rules == (
        model.Rule(
            id="browsers_spend_nothing",
            description="Who only browses spends nothing.",
            expression="coalesce(kind, '') <> 'browse' or spent = 0",
            columns=("kind", "spent"),
            action="halt",
        ),
    )
    (by_month,) = visits.curated
    assert (by_month.grain, by_month.period, by_month.conserves) == (
        ("month_start",),
        "month",
        (("spent", "spent"),),
    )


def test_sales_records_load_with_the_fourteen_columns() -> None:
    sales = model.load("sales_records")
    assert [(column.name, column.type) for column in sales.columns] == [
        ("region", "string"),
        ("country", "string"),
        ("item_type", "string"),
        ("sales_channel", "string"),
        ("order_priority", "string"),
        ("order_date", "date"),
        ("order_id", "bigint"),
        ("ship_date", "date"),
        ("units_sold", "int"),
        ("unit_price", "decimal(10,2)"),
        ("unit_cost", "decimal(10,2)"),
        ("total_revenue", "decimal(14,2)"),
        ("total_cost", "decimal(14,2)"),
        ("total_profit", "decimal(14,2)"),
    ]
    assert sales.key == ("order_id",)
    assert [column.name for column in sales.control_columns] == [
        "total_revenue",
        "total_cost",
        "total_profit",
    ]
    assert sales.intake.ignored_headers == ("ID",)
    assert (sales.partition_column, sales.partition_transform) == ("order_date", "month")
    assert Decimal(sales.max_quarantined_share) == Decimal("0.10")
    assert {item.name: item.period for item in sales.curated} == {
        "sales_by_region_quarter": "quarter",
        "sales_by_month_item": "month",
    }


def test_a_compiled_contract_survives_the_round_trip() -> None:
    sales = model.load("sales_records")
    again = model.from_json(compiler.to_json(sales), origin="memory")
    assert again == sales


def test_a_file_that_is_not_a_compiled_contract_says_so_and_what_to_do() -> None:
    with pytest.raises(
        ContractInvalid,
        match=r"x\.json is not a compiled contract: KeyError\('intake'\); run `make",
    ):
        model.from_json("{}", origin="x.json")
    with pytest.raises(
        ContractInvalid, match="no compiled contract for dataset 'sale'; known: sales_records"
    ):
        model.load("sale")


def test_compiling_twice_gives_the_same_text_in_another_process() -> None:
    code = "import sys, pathlib, contracts.authoring as a; print(a.compile_all(pathlib.Path(sys.argv[1]))['visits'])"
    command = [sys.executable, "-c", code, str(TINY / "datasets")]
    once = subprocess.run(
        command, cwd=ROOT, env={"PYTHONHASHSEED": "1"}, capture_output=True, check=True
    )
    twice = subprocess.run(
        command, cwd=ROOT, env={"PYTHONHASHSEED": "2"}, capture_output=True, check=True
    )
    assert once.stdout == twice.stdout
    assert once.stdout.startswith(b'{\n  "dataset": "visits"')


def test_the_contracts_follow_the_published_json_schema() -> None:
    validator = jsonschema.Draft201909Validator(json.loads(OpenDataContractStandard.json_schema()))
    for file in (
        *(ROOT / "datasets").glob("*/contract.yaml"),
        *(TINY / "datasets").glob("*/contract.yaml"),
    ):
        data = yaml.safe_load(file.read_text(encoding="utf-8"))
        assert [error.message for error in validator.iter_errors(data)] == []


def test_the_command_writes_checks_and_fails_with_one_line_per_mistake(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--datasets", str(TINY / "datasets"), "--compiled", str(tmp_path)]
    assert main([*where, "--check"]) == 1
    assert "visits.json is missing; run `make contracts`" in capsys.readouterr().err
    assert main(where) == 0
    assert capsys.readouterr().out.startswith(
        "compiled visits.json\n"
    )  # what was done, not what was missing
    assert main([*where, "--check"]) == 0
    assert (
        capsys.readouterr().out
        == "no mistakes, all compiled, and the versions fit the changes: visits 0.1.0\n"
        "marts without mistakes, all compiled, and the versions fit: none\n"
    )
    broken = tmp_path / "datasets" / "visits" / "contract.yaml"
    broken.parent.mkdir(parents=True)
    broken.write_text("kind: Contract\nid: visits\n", encoding="utf-8")
    capsys.readouterr()
    assert main(["--datasets", str(tmp_path / "datasets")]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert (
        "datasets/visits/contract.yaml:1: kind: found 'Contract'; expected 'DataContract'" in lines
    )
    assert all(line.startswith("datasets/visits/contract.yaml:") for line in lines)
