"""A mart as people write it: every mistake at once, each with its line and what would be right."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from contracts import marts, model
from contracts.authoring import __main__ as command_line
from contracts.authoring.marts import profile, require_current
from contracts.authoring.marts.releases import write_releases
from contracts.authoring.marts.workspace import check, write
from contracts.errors import ContractInvalid

ROOT = Path(__file__).parents[3]
NAME = "superstore_cohorts"
FOLDER = ROOT / "marts" / NAME
EXAMPLE = (FOLDER / "mart.yaml").read_text(encoding="utf-8")
SQL = (FOLDER / f"{NAME}.sql").read_text(encoding="utf-8")
SUPERSTORE = model.load("superstore")
Edit = tuple[str, str]


def mistakes(
    root: Path, *edits: Edit, sql: tuple[Edit, ...] = (), contract: model.Contract = SUPERSTORE
) -> list[str]:
    folder = root / "marts" / NAME
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "mart.yaml").write_text(edited(EXAMPLE, edits), encoding="utf-8")
    (folder / f"{NAME}.sql").write_text(edited(SQL, sql), encoding="utf-8")
    problems, _ = check(folder.parent, [contract])
    return [str(problem).removeprefix(f"marts/{NAME}/") for problem in problems]


def edited(text: str, edits: tuple[Edit, ...]) -> str:
    for old, new in edits:
        assert old in text
        text = text.replace(old, new, 1)
    return text


def line_of(part: str, text: str = EXAMPLE) -> int:
    return next(n for n, line in enumerate(text.splitlines(), 1) if part in line)


def test_the_shipped_mart_is_valid_and_compiled() -> None:
    found = require_current(ROOT / "marts", ROOT / "contracts" / "compiled", [SUPERSTORE])
    assert found == {NAME: marts.load(NAME)}
    assert marts.names() == (NAME,)


def test_all_mistakes_are_told_at_once_with_their_lines(tmp_path: Path) -> None:
    found = mistakes(
        tmp_path,
        ("owner: ", "owners: "),
        ("superstore: [order_id, customer_id,", "superstore: [order_id, costumer_id, order_id,"),
        ("type: bigint", "type: long"),
        ("grain: [cohort_month,", "grain: [cohort,"),
        ("period: month", "period: week"),
        ("periodColumn: month_start", "periodColumn: sales"),
        ("column: sales, dataset: superstore", "column: sale, dataset: superstores"),
        (
            "column: profit, dataset: superstore, source: profit",
            "column: cohort_month, dataset: superstore, source: gain",
        ),
        ("expression: months_since_first >= 0", "expression: months >= 0"),
        ("id: no_more_than_the_cohort", "id: active_after_the_first_order"),
    )
    told = [
        ("owner: Super", "owners: unknown field 'owners'; did you mean 'owner'?"),
        (
            "superstore: [",
            "inputs.superstore[1]: unknown column 'costumer_id' of 'superstore'; did you",
        ),
        ("superstore: [", "inputs.superstore[2]: column 'order_id' is given twice; remove one"),
        ("type: bigint", "columns[3].type: unknown type 'long'; write 'bigint'"),
        ("grain: [", "grain[0]: unknown column 'cohort'; did you mean 'cohort_month'?"),
        ("period: month", "period: found 'week'; expected 'month', 'quarter' or 'year'"),
        ("periodColumn", "periodColumn: column 'sales' is decimal(38,4); expected a date"),
        ("column: sales, d", "conserves[0].column: unknown column 'sale'; did you mean 'sales'?"),
        (
            "column: sales, d",
            "conserves[0].dataset: 'superstores' is not among the inputs; did you",
        ),
        (
            "column: profit, d",
            "conserves[1].column: column 'cohort_month' is date; expected a number",
        ),
        ("column: profit, d", "conserves[1].source: unknown column 'gain'; known: "),
        ("expression: months", "rules[0].expression: unknown column 'months'; did you"),
        ("id: no_more", "rules[1].id: duplicate rule 'active_after_the_first_order'; choose"),
    ]
    for part, message in told:
        assert [each for each in found if each.startswith(f"mart.yaml:{line_of(part)}: {message}")]
    missing = [each for each in found if "'owner' is missing; add it" in each]
    assert (len(missing), len(found)) == (1, len(told) + 1)


@pytest.mark.parametrize(
    ("added", "message"),
    [
        (
            "tableFormat: delta",
            "tableFormat: found 'delta'; a mart is computed by DuckDB, which writes iceberg only",
        ),
    ],
)
def test_what_is_not_built_yet_is_refused_by_name(tmp_path: Path, added: str, message: str) -> None:
    [found] = mistakes(tmp_path, ("grain: ", f"{added}\ngrain: "))
    assert found.startswith(f"mart.yaml:{line_of('grain: ')}: {message}")
    allowed = added.replace("delta", "iceberg").replace("true", "false")
    assert mistakes(tmp_path, ("grain: ", f"{allowed}\ngrain: ")) == []


def test_an_input_that_a_mart_cannot_read_is_named(tmp_path: Path) -> None:
    delta = dataclasses.replace(SUPERSTORE, table_format="delta")
    [found] = mistakes(tmp_path, contract=delta)
    assert (
        "inputs.superstore: 'superstore' keeps its tables as delta; a mart is computed by DuckDB"
        in found
    )
    [found] = mistakes(tmp_path, ("superstore: [order_id", "superstor: [order_id"))[:1]
    assert "inputs.superstor: unknown dataset 'superstor'; did you mean 'superstore'?" in found
    [found] = mistakes(tmp_path, ("[order_id, customer_id, order_date, sales, profit]", "all"))[:1]
    assert "inputs.superstore: found 'all'; expected a list of the columns" in found
    [found] = mistakes(tmp_path, ("[order_id,", "[postal_code, order_id,"))
    assert "column 'postal_code' is dropped as personal data" in found


def test_the_sql_must_give_what_is_declared_from_what_is_read(tmp_path: Path) -> None:
    def said(old: str, new: str) -> list[str]:
        return mistakes(tmp_path, sql=((old, new),))

    [found] = said("    activity.month_start,\n    CAST(\n", "    CAST(\n")
    assert found.startswith(f"{NAME}.sql:1: {NAME}: gives (")
    assert "missing month_start; not declared none" in found
    [found] = said("CAST(activity.orders AS bigint)", "CAST(activity.orders AS int)")
    assert "column 'orders' gives int; the contract declares bigint" in found
    [found] = said("INNER JOIN first_orders", "INNER JOIN other.first_orders")
    assert "reads from 'other.first_orders'" in found
    [found] = said("superstore.sales", "superstore.discount")
    assert "discount" in found
    two = mistakes(tmp_path, ("inputs:\n", "inputs:\n  sales_records: [order_id]\n"))
    assert any("unknown dataset 'sales_records'" in each for each in two)


def test_every_input_must_be_read(tmp_path: Path) -> None:
    both = [SUPERSTORE, model.load("sales_records")]
    assert mistakes(tmp_path, ("inputs:\n", "inputs:\n  sales_records: [order_id]\n"))
    [problem], _ = check(tmp_path / "marts", both)
    assert problem.message == "does not read from 'sales_records'"


def test_a_text_made_from_personal_data_is_refused_and_a_count_over_it_is_not(
    tmp_path: Path,
) -> None:
    column = "  - name: who\n    type: string\n    description: d\n"
    edit = ("grain: ", f"{column}grain: ")
    shown = (
        (
            "        cohort_month,\n        count(*)",
            "        cohort_month,\n        max(customer_id) AS c,\n        count(*)",
        ),
        (
            "AS profit\nFROM activity",
            "AS profit,\n    CAST(lower(cohorts.c) AS string) AS who\nFROM activity",
        ),
    )
    [found] = mistakes(tmp_path, edit, sql=shown)
    assert "column 'who' shows superstore.customer_id, which is personal data" in found
    harmless = tuple((old, new.replace("max(customer_id)", "'x'")) for old, new in shown)
    assert mistakes(tmp_path, edit, sql=harmless) == []


def test_names_belong_to_one_table_and_files_to_one_mart(tmp_path: Path) -> None:
    assert mistakes(tmp_path) == []
    root = tmp_path / "marts"
    (root / NAME / "old.sql").write_text("select 1", encoding="utf-8")
    (root / "empty").mkdir()
    (root / "2nd").mkdir()
    (root / "2nd" / "mart.yaml").write_text(EXAMPLE, encoding="utf-8")
    taken = root / "superstore_sales_by_month"
    taken.mkdir()
    (taken / "mart.yaml").write_text(EXAMPLE, encoding="utf-8")
    (taken / f"{taken.name}.sql").write_text(SQL, encoding="utf-8")
    problems, _ = check(root, [SUPERSTORE])
    said = "\n".join(map(str, problems))
    assert (
        f"marts/{NAME}/old.sql:1: (file): no mart reads this file; the SQL of this one is" in said
    )
    assert "marts/empty/mart.yaml:1: (document): the file is missing; add it, or remove" in said
    assert "the folder of the mart: found '2nd'; expected snake_case" in said
    assert "the SQL of the mart is missing; write it to 2nd.sql" in said
    assert "'superstore_sales_by_month' is a table of dataset 'superstore' already" in said


def test_a_file_that_is_no_yaml_or_no_text_is_said_so(tmp_path: Path) -> None:
    folder = tmp_path / "marts" / NAME
    folder.mkdir(parents=True)
    for content, message in ((b"a: [", "mart.yaml:1"), (b"\xff", "byte 0 is not UTF-8")):
        (folder / "mart.yaml").write_bytes(content)
        problems, found = check(folder.parent, [SUPERSTORE])
        assert message in str(problems[0])
        assert found == {}


def test_a_mark_for_the_warehouse_is_held_to_what_redshift_takes(tmp_path: Path) -> None:
    mark = "warehouse: {distribution: all, sortKeys: [month_start]}"
    found = mistakes(
        tmp_path,
        (mark, "warehouse: {distribution: key, sortKeys: [month, month_start, month_start]}"),
        ("name: orders", "name: user"),
        ("type: decimal(38,4)", "type: decimal(38,38)"),
        ("type: bigint\n", "type: bigint\n    maxLength: 9\n"),
    )
    for message in (
        "warehouse.distribution: found 'key' without distributionKey",
        "warehouse.sortKeys[0]: unknown column 'month'",
        "warehouse.sortKeys: 'month_start' is listed 2 times",
        "columns[5].name: 'user' is reserved in Redshift",
        "columns[6].type: found 'decimal(38,38)'; Redshift keeps at most 37",
        "columns[3].maxLength: found 9; only a string has one, and this is bigint",
    ):
        assert [each for each in found if message in each], message
    for wrong, message in (
        ("warehouse: true", "expected a mapping"),
        ("warehouse:", "found nothing; write {distribution: auto}"),
    ):
        assert message in " ".join(mistakes(tmp_path, (mark, wrong)))


def test_a_mark_is_compiled_and_a_mart_without_one_stays_in_the_lake(tmp_path: Path) -> None:
    mark = "warehouse: {distribution: all, sortKeys: [month_start]}\n"
    assert marts.load(NAME).warehouse == model.Warehouse(
        distribution="all", distribution_key=None, sort_keys=("month_start",)
    )
    assert mistakes(tmp_path, (mark, "")) == []
    _, found = check(tmp_path / "marts", [SUPERSTORE])
    assert found[NAME].warehouse is None


@pytest.mark.parametrize(
    ("added", "message"),
    [
        ("schedule: daily", "schedule: found 'daily'; expected cron(...) or rate(...)"),
        ("afterInputs: false", "afterInputs: found false without a schedule"),
    ],
)
def test_a_mart_that_nothing_would_start_is_refused(
    tmp_path: Path, added: str, message: str
) -> None:
    [found] = mistakes(tmp_path, ("grain: ", f"{added}\ngrain: "))
    assert found.startswith(f"mart.yaml:{line_of('grain: ')}: {message}")


def test_a_schedule_is_compiled_and_may_stand_in_place_of_runs_after_inputs(tmp_path: Path) -> None:
    given = "schedule: cron(0 5 * * ? *)\nafterInputs: false\ngrain: "
    assert mistakes(tmp_path, ("grain: ", given)) == []
    _, found = check(tmp_path / "marts", [SUPERSTORE])
    assert (found[NAME].schedule, found[NAME].after_inputs) == ("cron(0 5 * * ? *)", False)
    shipped = marts.load(NAME)
    assert (shipped.schedule, shipped.after_inputs) == (None, True)


def test_a_dashboard_beside_it_is_known_to_the_runtime(tmp_path: Path) -> None:
    assert mistakes(tmp_path) == []
    _, found = check(tmp_path / "marts", [SUPERSTORE])
    assert found[NAME].dashboard is False
    (tmp_path / "marts" / NAME / "dashboard.yaml").write_text("title: x\n", encoding="utf-8")
    _, found = check(tmp_path / "marts", [SUPERSTORE])
    assert found[NAME].dashboard is True
    assert marts.load(NAME).dashboard is True


def test_the_compiled_text_gives_the_mart_back_and_other_text_is_refused() -> None:
    mart = marts.load(NAME)
    assert marts.from_json(marts.to_json(mart), origin="o") == mart
    with pytest.raises(ContractInvalid, match="o is not a compiled mart"):
        marts.from_json("{}", origin="o")
    with pytest.raises(ContractInvalid, match=f"no mart 'x'; known: {NAME}"):
        marts.load("x")


def test_a_stale_or_wrong_mart_stops_the_synthesis(tmp_path: Path) -> None:
    assert mistakes(tmp_path) == []
    root, compiled = tmp_path / "marts", tmp_path / "compiled"
    with pytest.raises(ContractInvalid, match=f"run `make contracts` .{NAME}.json is missing"):
        require_current(root, compiled, [SUPERSTORE])
    _, found = check(root, [SUPERSTORE])
    assert write(compiled, found) == [f"compiled {NAME}.json"]
    with pytest.raises(ContractInvalid, match=r"released/marts/.*1.0.0.json is missing"):
        require_current(root, compiled, [SUPERSTORE])
    write_releases(found.values(), tmp_path / "released")
    assert require_current(root, compiled, [SUPERSTORE]) == found
    mistakes(tmp_path, ("period: month", "period: week"))
    with pytest.raises(
        ContractInvalid, match="1 mistake in marts\n  marts/superstore_cohorts/mart"
    ):
        require_current(root, compiled, [SUPERSTORE])


def test_the_command_says_what_is_wrong_with_marts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mistakes(tmp_path, ("period: month", "period: week"))
    assert command_line.main(["--check", "--marts", str(tmp_path / "marts")]) == 1
    assert "period: found 'week'" in capsys.readouterr().err
    assert command_line.main(["--check"]) == 0
    assert (
        f"marts without mistakes, all compiled, and the versions fit: {NAME} "
        in capsys.readouterr().out
    )


def test_every_field_is_explained_in_the_page_of_marts() -> None:
    page = (ROOT / "docs" / "marts.md").read_text(encoding="utf-8")
    specs = (profile.MartSpec, profile.ColumnSpec, profile.ConservedSpec, profile.RuleSpec)
    fields = {field.alias for spec in specs for field in spec.model_fields.values()}
    assert [name for name in sorted(filter(None, fields)) if f"`{name}`" not in page] == []
