"""Every statement of a load is Redshift's SQL, fits into one transaction, and carries its values unharmed."""

from __future__ import annotations

from dataclasses import replace

import pytest
import sqlglot
from sqlglot import exp

from contracts import model
from contracts.errors import ContractInvalid, PermanentError
from contracts.model import CuratedModel
from contracts.warehouse import sql as warehouse_sql
from contracts.warehouse import statements as warehouse
from contracts.warehouse.statements import TableLoad
from tests.unit.contracts.versions import members

RUN = "20260101T000000-aaaabbbb"
SALES = model.load("sales_records")
MONTHS = next(item for item in SALES.curated if item.name == "sales_by_month_item")
CUSTOMERS = next(
    item
    for item in model.load("superstore").curated
    if item.name == "superstore_customers_by_month"
)
NOT_PARSED = "create_lake"  # sqlglot knows no external schemas; the one statement without a comment


def everything(item: CuratedModel, *, anew: bool = True) -> TableLoad:
    return TableLoad(model=item, mode="everything", periods=(), anew=anew, snapshot_id=None)


def some(item: CuratedModel, *periods: str) -> TableLoad:
    return TableLoad(model=item, mode="periods", periods=periods, anew=False, snapshot_id=7)


def statements(dataset: str) -> list[str]:
    """Every statement that a load of the dataset can have."""
    models = warehouse.marked(model.load(dataset))
    return [
        *warehouse.preparation(models, "slipway_dev_curated"),
        *warehouse.loading(models, [everything(item) for item in models], RUN),
        *warehouse.loading(
            models, [some(item, "2024-01-01", "2024-04-01") for item in models], RUN
        ),
        *warehouse.descriptions(models),
        *(warehouse.difference(item, ("2024-01-01",)) for item in models),
        *(warehouse.difference(item, ()) for item in models),
        *(warehouse.refusal(item, RUN) for item in models),
        warehouse.scanned([1, 2]),
    ]


def kinds(filled: list[str]) -> list[str]:
    heads = [warehouse_sql.head_of(statement) for statement in filled]
    return [head.kind if head else NOT_PARSED for head in heads]


@pytest.mark.parametrize("dataset", model.datasets())
def test_every_statement_is_redshift_sql_and_is_one_statement(dataset: str) -> None:
    for statement in statements(dataset):
        trees = sqlglot.parse(statement, read="redshift")
        assert len(trees) == 1, statement
        is_command = trees[0] is None or trees[0].find(exp.Command) is not None
        assert is_command == statement.startswith("CREATE EXTERNAL SCHEMA"), statement


@pytest.mark.parametrize("dataset", model.datasets())
def test_every_file_is_used_and_nothing_is_left_unfilled(dataset: str) -> None:
    filled = statements(dataset)
    files = {file.stem for file in warehouse_sql.FOLDER.glob("*.sql")}
    assert set(kinds(filled)) == files - {"measures"}  # which is a part of two others
    assert not [statement for statement in filled if "${" in statement]


def test_every_file_begins_with_what_it_is_and_why() -> None:
    for file in warehouse_sql.FOLDER.glob("*.sql"):
        first, *rest = file.read_text(encoding="utf-8").splitlines()
        assert first.startswith("-- "), file
        assert rest, file


def test_the_largest_load_fits_into_one_transaction() -> None:
    models = [replace(MONTHS, name=f"table_{number}") for number in range(warehouse.MOST_TABLES)]
    filled = warehouse.loading(models, map(everything, models), RUN)
    assert len(filled) <= warehouse.MOST_STATEMENTS
    assert kinds(filled).count("drop_table") == len(models)
    one_more = [*models, replace(MONTHS, name="one_more")]
    with pytest.raises(PermanentError, match="a load of 43 statements; the Data API takes 40"):
        warehouse.loading(one_more, map(everything, one_more), RUN)


def test_the_order_of_a_load_and_what_a_new_table_does_not_need() -> None:
    new, known = (
        warehouse.loading([MONTHS], [everything(MONTHS)], RUN),
        [some(MONTHS, "2024-01-01")],
    )
    staged = ["stage_table", "stage_rows"]
    assert kinds(new) == [
        "drop_table",
        "create_table",
        *staged,
        "merge",
        "compare",
        "record",
        "figures",
    ]
    filled = warehouse.loading([MONTHS], known, RUN)
    assert kinds(filled) == [*staged, "delete_gone", "merge", "compare", "record", "figures"]
    whole = warehouse.loading([MONTHS], [everything(MONTHS, anew=False)], RUN)
    assert kinds(whole) == [
        "create_table",
        *staged,
        "delete_gone",
        "merge",
        "compare",
        "record",
        "figures",
    ]
    assert kinds(warehouse.loading([MONTHS], [], RUN)) == ["figures"]


def test_the_largest_periods_fit_into_a_statement_and_more_are_refused() -> None:
    days = [f"{year}-{month:02}-01" for year in range(1800, 2600) for month in range(1, 13)]
    most = some(MONTHS, *days[: warehouse.MOST_PERIODS])
    for statement in [
        *warehouse.loading([MONTHS], [most], RUN),
        warehouse.difference(MONTHS, most.periods),
    ]:
        assert len(statement.encode()) <= warehouse_sql.MOST_STATEMENT_BYTES
    with pytest.raises(
        PermanentError, match="stage_rows of sales_by_month_item has more than 100000 bytes"
    ):
        warehouse.loading([MONTHS], [some(MONTHS, *days)], RUN)


def test_a_table_is_made_as_the_contract_says() -> None:
    [create] = [
        text
        for text in warehouse.loading([CUSTOMERS], [everything(CUSTOMERS)], RUN)
        if "CREATE TABLE IF" in text
    ]
    assert create.endswith(
        '    "first_order_date" DATE NOT NULL,\n'
        '    "last_order_date" DATE NOT NULL,\n'
        '    PRIMARY KEY ("month_start", "customer_id")\n'
        ")\n"
        "DISTSTYLE KEY\n"
        'DISTKEY ("customer_id")\n'
        'COMPOUND SORTKEY ("month_start")'
    )
    assert '"customer_id" VARCHAR(1024) NOT NULL,' in create
    assert '"sales" DECIMAL(18,4) NOT NULL,' in create


@pytest.mark.parametrize(
    ("kind", "max_length", "expected"),
    [
        ("string", None, '"c" VARCHAR(1024)'),
        ("string", 1, '"c" VARCHAR(4)'),
        ("string", 16_383, '"c" VARCHAR(65532)'),
        ("string", 16_384, '"c" VARCHAR(65535)'),
        ("int", None, '"c" INTEGER'),
        ("bigint", None, '"c" BIGINT'),
        ("date", None, '"c" DATE'),
        ("timestamp", None, '"c" TIMESTAMP'),
        ("boolean", None, '"c" BOOLEAN'),
        ("decimal(38,10)", None, '"c" DECIMAL(38,10)'),
    ],
)
def test_a_type_of_the_contract_in_redshift(
    kind: str, max_length: int | None, expected: str
) -> None:
    column = replace(MONTHS.columns[0], name="c", type=kind, max_length=max_length, required=False)
    item = replace(MONTHS, columns=(*MONTHS.columns, column))
    [create] = [
        text
        for text in warehouse.loading([item], [everything(item)], RUN)
        if "CREATE TABLE IF" in text
    ]
    assert f"    {expected},\n" in create


def test_the_shape_is_of_the_table_and_not_of_what_is_said_about_it() -> None:
    layout = MONTHS.warehouse
    assert layout is not None
    columns = (replace(MONTHS.columns[0], description="x"), *MONTHS.columns[1:])
    assert warehouse.shape(
        replace(MONTHS, description="x", sql="x", columns=columns)
    ) == warehouse.shape(MONTHS)
    longer = (replace(MONTHS.columns[1], max_length=9), MONTHS.columns[0], *MONTHS.columns[2:])
    others = [
        replace(MONTHS, columns=longer),
        replace(MONTHS, grain=("month_start",)),
        replace(MONTHS, warehouse=replace(layout, distribution="even")),
        replace(MONTHS, warehouse=replace(layout, sort_keys=())),
    ]
    assert len({warehouse.shape(item) for item in (MONTHS, *others)}) == 1 + len(others)


def test_texts_get_into_comments_unharmed() -> None:
    wild = 'It\'s 100 % "safe": c:\\temp -- /* */ ; 東京\nsecond line ${table}'
    item = replace(
        MONTHS,
        description=wild,
        columns=tuple(replace(c, description=wild) for c in MONTHS.columns),
    )
    filled = warehouse.descriptions([item])
    assert len(filled) == 1 + len(MONTHS.columns)
    for statement in filled:
        tree = sqlglot.parse_one(statement, read="redshift")
        assert isinstance(tree, exp.Comment)
        assert tree.expression.this == wild


def test_what_is_no_name_run_or_day_never_gets_into_sql() -> None:
    with pytest.raises(ContractInvalid, match="is not a name for Redshift"):
        warehouse.preparation([MONTHS], "x'; DROP TABLE y; --")
    with pytest.raises(ContractInvalid, match="is not a name for Redshift"):
        warehouse.preparation([MONTHS], "x" * 128)
    with pytest.raises(PermanentError, match="cannot be written into SQL"):
        warehouse.loading([MONTHS], [], "x' OR '1'='1")
    with pytest.raises(ValueError, match="Invalid isoformat"):
        warehouse.loading([MONTHS], [some(MONTHS, "2024-01-01') OR TRUE --")], RUN)


def test_a_load_that_would_leave_out_rows_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="mode periods, 0 periods"):
        some(MONTHS)
    with pytest.raises(ValueError, match="anew True"):
        TableLoad(
            model=MONTHS, mode="periods", periods=("2024-01-01",), anew=True, snapshot_id=None
        )


def test_a_table_without_the_mark_is_not_made() -> None:
    (unmarked,) = members().curated
    with pytest.raises(ContractInvalid, match="members_by_month is not marked for the warehouse"):
        warehouse.loading([unmarked], [everything(unmarked)], RUN)


def test_a_statement_says_where_it_comes_from() -> None:
    [compare] = [
        text
        for text in warehouse.loading([MONTHS], [some(MONTHS, "2024-01-01")], RUN)
        if "compared" in text
    ]
    found = warehouse_sql.head_of(compare)
    assert found == warehouse_sql.Head(kind="compare", table="sales_by_month_item", mode="periods")
    assert warehouse_sql.head_of("SELECT 1") is None
