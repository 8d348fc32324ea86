"""Personal data: what the tables keep, what quarantine and logs show, and where the key must never be seen."""

from __future__ import annotations

import base64
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from pyspark.sql import SparkSession

from contracts import personal_data
from contracts.errors import ContractInvalid
from contracts.model import Contract, Rule
from glue_jobs.transforms import staging
from rows.dialect import INNER_PAD
from rows.expressions import protection
from rows.expressions.raw_text import WITHHELD
from rows.spark_dialect import SparkDialect
from tests.spark.lake import Lake, counts, lines
from tests.spark.orders import ORDERS, column, curated

pytestmark = pytest.mark.push

FIRST, SECOND, THIRD = (f"20240501T10000{n}-0000000{n}" for n in (1, 2, 3))
KEY = b"a key that nobody may ever see, at least 32 bytes"
HEADER = "Row ID,Customer,Born,Phone,Card,Order Date,Status,Amount"
ANNA, BERT, GONE = "anna@example.com", "bert@example.com", "gone@example.com"
OPEN = "open@example.com"  # whom a contract without protection showed to Spark's event log, which all tests share

SQL = (
    "SELECT CAST(date_trunc('month', order_date) AS date) AS month_start, customer AS status, "
    "CAST(count(*) AS bigint) AS orders, CAST(sum(amount) AS decimal(18, 2)) AS amount FROM orders GROUP BY ALL"
)
PEOPLE: Contract = replace(
    ORDERS,
    columns=(
        column("customer", required=True, pii="hash", data_subject=True),
        column("born", "date", format="M/d/yyyy", minimum="1900-01-01", pii="hash"),
        column("phone", pattern="[0-9+ ]*", pii="mask"),
        column("card", pattern="[0-9]{4}", pii="drop"),
        column("order_date", "date", required=True, format="M/d/yyyy"),
        column("status", required=True),
        column("amount", "decimal(8,2)", required=True, control_total=True),
    ),
    key=("customer",),
    rules=(
        Rule(id="is_adult", description="Customers are adults.", action="quarantine",
             expression="born IS NULL OR born < DATE'2006-01-01'", columns=("born", "amount")),
    ),
    curated=(replace(curated("orders_by_month", "month", "month_start"), sql=SQL),),
)  # fmt: skip


def token(text: str) -> str:
    return personal_data.token(KEY, text)


@pytest.fixture
def people(lake: Lake) -> Lake:
    """A lake of people's orders, of whom one was erased."""
    lake.contract, lake.pii_key, lake.erased = PEOPLE, KEY, [token(GONE)]
    return lake


@pytest.mark.parametrize("key", [b"k" * 32, b"k" * 64, b"k" * 65, bytes(range(256))])
def test_a_token_made_by_spark_is_the_token_made_by_python_and_null_stays_null(
    spark: SparkSession, key: bytes
) -> None:
    texts = ["anna@example.com", "Ærøskøbing 東京 🎈", "'; DROP", None]
    frame = spark.createDataFrame([(text,) for text in texts], "text string")
    with_pads = frame.crossJoin(staging.key_pads(spark, key))
    found = with_pads.selectExpr("text", SparkDialect().token("text"))
    expected = {text: text and personal_data.token(key, text) for text in texts}
    assert {row[0]: row[1] for row in found.collect()} == expected


def test_tables_hold_tokens_and_masks_and_the_newest_row_of_a_token_wins(people: Lake) -> None:
    first = people.put(
        lines(
            f"7, {ANNA} ,01/02/1990,+45 1,1234,1/2/2024,open,1.00",
            f"8,{BERT},,,1234,1/2/2024,open,2.00",
            f"9,{ANNA}\u00a0,1/2/1990,,1234,1/3/2024,open,4.00",
            header=HEADER,
        ),
        "1.csv",
    )
    result = people.run(first, run_id=FIRST)
    assert counts(result) == [(3, 2, 0, 1)]
    born = token("1990-01-02")  # of the date, however it was written
    columns = ("customer", "born", "phone", "amount")
    assert people.rows(people.processed, *columns) == sorted(
        [(token(ANNA), born, None, 4), (token(BERT), None, None, 2)]
    )
    assert "card" not in people.tables.read(people.processed).columns
    by_month = people.rows(
        people.curated("orders_by_month"), "status"
    )  # the model's SQL sees what is stored
    assert by_month == sorted([(token(ANNA),), (token(BERT),)])

    newer = people.put(
        lines(f"1,{BERT},1/2/1990,+45 1,1234,1/2/2024,paid,3.00", header=HEADER), "2.csv", 1
    )
    assert counts(people.run(newer, run_id=SECOND)) == [(1, 1, 0, 0)]
    assert people.rows(people.processed, *columns) == sorted(
        [(token(ANNA), born, None, 4), (token(BERT), born, "+***", 3)]
    )


def unprotected(*names: str) -> Contract:
    """The version before, which kept these columns as they came and knew no data subject."""
    plain = (
        replace(column, pii=None, data_subject=False) if column.name in names else column
        for column in PEOPLE.columns
    )
    return replace(PEOPLE, version="0.9.0", columns=tuple(plain))


def protections(result: dict[str, Any]) -> list[tuple[str, ...]]:
    """Rule, action, status and what was measured, of each check of protection."""
    names = ("rule_id", "action", "status", "measured")
    return [
        tuple(rule[name] for name in names)
        for rule in result["table_rules"]
        if rule["kind"] == "protection"
    ]


@pytest.mark.deep
def test_rows_from_before_a_column_was_protected_are_told_until_a_backfill_has_made_them_anew(
    people: Lake,
) -> None:
    people.contract = unprotected("phone")
    old = people.put(lines(f"1,{ANNA},,+45 1,1234,1/2/2024,open,1.00", header=HEADER), "1.csv")
    assert protections(people.run(old, run_id=FIRST)) == []
    people.contract = PEOPLE
    new = people.put(lines(f"2,{BERT},,+45 2,1234,1/2/2024,open,2.00", header=HEADER), "2.csv", 1)
    left = "1 of 2 rows hold phone in the form of an earlier contract"
    assert protections(people.run(new, run_id=SECOND)) == [
        ("phone.protection", "warn", "failed", left)
    ]
    assert ("phone.protection", "table", "failed", 2, 1) in people.rows(
        people.quality, "rule_id", "scope", "status", "rows_checked", "rows_failed"
    )
    passed = ("phone.protection", "warn", "passed", left.replace("1 of", "0 of"))
    assert protections(people.run(old, run_id=THIRD, mode="backfill")) == [passed]
    assert people.rows(people.processed, "phone") == [("+***",), ("+***",)]


@pytest.mark.deep
def test_a_key_in_two_forms_halts_for_its_rows_could_not_be_told_to_be_the_same(
    people: Lake,
) -> None:
    people.contract, people.erased = unprotected("customer"), ()
    old = people.put(lines(f"1,{OPEN},,,1234,1/2/2024,open,1.00", header=HEADER), "1.csv")
    people.run(old, run_id=FIRST)
    people.contract = PEOPLE
    newer = people.put(lines(f"2,{OPEN},,,1234,1/2/2024,paid,2.00", header=HEADER), "2.csv", 1)
    (found,) = protections(people.load(newer, run_id=SECOND))
    assert found[:3] == ("customer.protection", "halt", "failed")


def test_a_version_keeps_meaning_what_it_meant(people: Lake) -> None:
    file = people.put(lines(f"1,{ANNA},,,1234,1/2/2024,open,1.00", header=HEADER))
    people.contract = replace(unprotected("phone"), version=PEOPLE.version)
    people.run(file, run_id=FIRST)
    before = people.tables.properties(people.processed)
    people.contract = PEOPLE
    with pytest.raises(
        ContractInvalid, match=r"rows of one version must be alike: give the contract a new version"
    ):
        people.load(file, run_id=SECOND)
    assert people.tables.properties(people.processed) == before


REFUSED = [  # record, rules, reasons, what quarantine shows, subject
    (f"7,{ANNA},1/2/2010,+45 1,1234,1/2/2024,open,1.00", ["is_adult"],
     ["Customers are adults; found born the value (personal data, not shown), amount '1.00'"],
     f",{token(ANNA)},{token('2010-01-02')},+***,,1/2/2024,open,1.00", token(ANNA)),
    (f"7,{ANNA},31/31/1990,+45 1,no card,1/2/2024,open,1.00", ["born.type", "card.pattern"],
     ["born: the value (personal data, not shown) is not a date written M/d/yyyy",
      "card: the value (personal data, not shown) does not match [0-9]{4}"],
     f",{token(ANNA)},{token('31/31/1990')},+***,,1/2/2024,open,1.00", token(ANNA)),
    (f"7,{ANNA},1/2/1990,+45 1,1234,1/2/2024,open", ["row.field_count"],
     ["row: 7 fields where the header has 8"], WITHHELD, None),
    ("7,,1/2/1990,,1234,1/2/2024,open,1.00", ["customer.required"],
     ["customer: no value, but the contract requires one"], f",,{token('1990-01-02')},,,1/2/2024,open,1.00", None),
    (f"7,{GONE},1/2/1990,+45 1,1234,1/2/2024,open,1.00", ["subject.erased"],
     ["customer: this person's records were erased and are not taken again"], WITHHELD, token(GONE)),
]  # fmt: skip


def event_logs(spark: SparkSession) -> str:
    """Everything that Spark has logged of its plans and jobs so far."""
    folder = Path(urlsplit(spark.conf.get("spark.eventLog.dir") or "").path)
    return "".join(file.read_text(encoding="utf-8") for file in folder.rglob("*") if file.is_file())


def test_nothing_that_people_can_read_shows_personal_data_or_the_key(
    people: Lake, capfd: pytest.CaptureFixture[str]
) -> None:
    rows = [record for record, *_ in REFUSED]
    result = people.load(
        people.put(lines(*rows, f"7,{BERT},1/2/1990,+45 1,1234,1/2/2024,open,1.00", header=HEADER))
    )
    found = people.rows(
        people.quarantine,
        "_source_row",
        "rule_ids",
        "reasons",
        "raw_text",
        "_subject",
        branch=result["branch"],
    )
    assert found == [(number, *shown) for number, (_, *shown) in enumerate(REFUSED, start=1)]
    assert counts(result) == [(6, 1, 5, 0)]
    assert [file["rows_erased"] for file in result["files"]] == [1]

    staged = people.spark.read.parquet(
        str(people.folder / "runs" / "20240501T100000-00000001" / "staged")
    )
    printed, logged = "".join(capfd.readouterr()), event_logs(people.spark)
    public = f"{staged.collect()} {people.rows(people.quality, 'measured', 'expected')} {result} {printed} {logged}"
    private = [ANNA, BERT, GONE, "1990-01-02", "+45 1", "no card"]
    assert [text for text in private if text in public] == []
    for secret in (KEY, *protection.pads(KEY)):
        for form in (secret.decode("latin-1"), secret.hex(), base64.b64encode(secret).decode()):
            assert form not in public
            assert form.upper() not in public
    assert INNER_PAD in logged  # the plans were there to look at


def test_erased_subjects_of_a_contract_without_subjects_are_an_error(people: Lake) -> None:
    unmarked = (replace(column, data_subject=False) for column in PEOPLE.columns)
    people.contract = replace(PEOPLE, columns=tuple(unmarked))
    with pytest.raises(ContractInvalid, match="1 data subjects of orders were erased"):
        people.load(people.put(lines(header=HEADER)))
