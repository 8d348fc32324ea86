"""A source that is a table, as people write it: every mistake at once, each with its line and what would be right."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from contracts import model as contracts
from contracts.authoring.problems import Problem
from sources import model
from sources.authoring.workspace import check
from tests.certificates import certificate_for

ROOT = Path(__file__).parents[3]
EXAMPLE = (ROOT / "sources" / "shop_orders.yaml").read_text(encoding="utf-8")
SALES = contracts.load("sales_records")


def checked(folder: Path, *edits: tuple[str, str]) -> tuple[list[Problem], dict[str, model.Source]]:
    text = EXAMPLE
    for old, new in edits:
        assert old in text
        text = text.replace(old, new, 1)
    (folder / "shop_orders.yaml").write_text(text, encoding="utf-8")
    return check(folder, [SALES])


def test_the_example_is_what_was_compiled(tmp_path: Path) -> None:
    assert checked(tmp_path) == ([], {"shop_orders": model.load("shop_orders")})


def test_a_compiled_source_says_the_same_again() -> None:
    source = model.load("shop_orders")
    assert isinstance(source, model.PostgresSource)
    plain = dataclasses.replace(source.postgres, watermark=None)
    for each in (source, dataclasses.replace(source, postgres=plain)):
        assert model.from_json(model.to_json(each), origin="x") == each
    assert model.at(source, source.url) == source


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("secret: slipway", "secret: arn:aws:x", "postgres.secret: found 'arn:aws:x/shop_orders'; expected the name"),
        ("table: public.orders", "table: orders", "postgres.table: found 'orders'; expected schema.table, such as"),
        ("certificates: null", "certificates: rds.pem", "postgres.certificates: found 'rds.pem'; expected the name"),
        ("certificates: null", "certificates: ../rds.pem", "postgres.certificates: found '../rds.pem'; expected"),
        ("column: updated_at ", "colum: updated_at ", "postgres.watermark.colum: unknown field 'colum'; did you mean"),
        ("overlapMinutes: 10", "overlapMinutes: 0", "postgres.watermark.overlapMinutes: found 0; expected at least 1"),
        ("overlapMinutes: 10", "overlapMinutes: 10\n    zone: CET", "postgres.watermark.zone: found 'CET'; expected"),
        ("statementSeconds: 30", "statementSeconds: 300", "postgres.statementSeconds: found 300; expected at most 45"),
        ("chunkRows: 50000", "chunkRows: 1", "postgres.chunkRows: found 1; expected at least 100"),
        ("chunkRows: 50000", "maxDeletedShare: 2", "postgres.maxDeletedShare: found 2; expected at most 1"),
        ("  region: region", "  reigon: region", "fields.reigon: sales_records has no column 'reigon'; did you mean"),
        ("  region: region\n", "", "fields: 'region' is missing; say which column of the table each is"),
        ("ignoredColumns: []", "ignoredColumns: [item]", "ignoredColumns[0]: found 'item', which is taken in fields"),
        ("ignoredColumns: []", "ignoredFields: []", "unknown field 'ignoredFields'; did you mean 'ignoredColumns'?"),
        ("dataset: sales_records", "dataset: sales", "dataset: unknown dataset 'sales'; known: sales_records"),
        ("schedule: cron(45 2 * * ? *)", "schedule: daily", "schedule: found 'daily'; expected cron(...)"),
        ("postgres:\n", "http: {}\npostgres:\n", "a source is one of http, bucket, sftp, postgres; remove all but one"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_what_would_be_right(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    problems, compiled = checked(tmp_path, (old, new))
    assert any(message in str(each) for each in problems), problems
    assert compiled == {}


def test_a_share_of_deleted_rows_is_taken_unless_keys_are_personal_data(tmp_path: Path) -> None:
    edit = ("  chunkRows: 50000", "  chunkRows: 50000\n  maxDeletedShare: 0.01")
    problems, compiled = checked(tmp_path, edit)
    source = compiled["shop_orders"]
    assert isinstance(source, model.PostgresSource)
    assert (problems, source.postgres.max_deleted_share) == ([], 0.01)
    order_id = dataclasses.replace(SALES.column("order_id"), pii="hash")
    columns = tuple(order_id if each.name == "order_id" else each for each in SALES.columns)
    protected = dataclasses.replace(SALES, columns=columns)
    [problem] = check(tmp_path, [protected])[0]
    assert "postgres.maxDeletedShare: 'order_id' of the key is personal data" in str(problem)


def test_authorities_are_read_from_a_file_beside_the_description(tmp_path: Path) -> None:
    made = certificate_for("db.example.com")
    (tmp_path / "rds.pem").write_text(made.certificate, encoding="ascii")
    edit = ("certificates: null", "certificates: rds.pem")
    problems, compiled = checked(tmp_path, edit)
    source = compiled["shop_orders"]
    assert isinstance(source, model.PostgresSource)
    assert (problems, source.postgres.certificates) == ([], made.certificate)
    (tmp_path / "rds.pem").write_text(made.certificate + made.key, encoding="ascii")
    [problem], _ = checked(tmp_path, edit)
    assert "rds.pem has no certificates of authorities in PEM, or a private key besides" in str(
        problem
    )
