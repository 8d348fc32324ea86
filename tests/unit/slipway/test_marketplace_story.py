"""The story of the marketplace without a deployment: where it is told, and that it can fail."""

from __future__ import annotations

import io
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas
import pytest
import yaml

from contracts.errors import PermanentError
from sample_data import marketplace
from slipway import __main__ as command_line
from slipway.acting import example_project, marketplace_accounts, marketplace_story
from slipway.acting.marketplace_accounts import MartCompared, TableCompared
from slipway.commands import stories

FILES = marketplace.read(Path(__file__).parents[3] / "examples" / "marketplace" / "files")
SALES = "marketplace_sales"
KEY = b"k" * 32
COLUMNS = ("month_start", "product", "account", "orders", "order_lines", "units", "sales")
COMPILER = """
import pathlib, sys
here = pathlib.Path(__file__).parents[2]
print(*sorted(path.parent.name for path in here.glob("datasets/*/contract.yaml")))
sys.exit("contract.yaml:3: nobody knows this" if (here / "datasets" / "bad").exists() else 0)
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project with a dataset, an example, what it shares, and what a copy does without."""
    texts = {
        "contracts/authoring/__main__.py": COMPILER,
        "datasets/own/contract.yaml": "",
        "examples/more/datasets/added/contract.yaml": "",
        "examples/more/marts/added_mart/mart.yaml": "",
        "examples/more/sources/added_source.yaml": "",
        "sources/authoring/__main__.py": "",
        "config/local.yaml": "sftp: 1\n# what is fetched\nsources:\n  # one\n  own: {}\n\nglue: 2\n",
        "examples/worse/datasets/bad/contract.yaml": "",
        "examples/worse/marts/bad_mart/mart.yaml": "",
        "tests/test_nothing.py": "",
        ".slipway/jars/one.jar": "",
        ".slipway/4711.log": "",
        "node_modules/tool": "",
    }
    for name, text in texts.items():
        path = tmp_path / "project" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "project"


def test_the_copy_has_both_and_shares_what_is_large(root: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    for _ in range(2):
        assert example_project.made(Path("examples/more"), copy, root=root) == copy
        (copy / "leftover").touch()
        (copy / ".slipway" / "assemblies").mkdir(exist_ok=True)
    example_project.made(Path("examples/more"), copy, root=root)
    assert {path.parent.name for path in copy.glob("datasets/*/*")} == {"own", "added"}
    assert (copy / "marts" / "added_mart" / "mart.yaml").is_file()
    assert (copy / "sources" / "added_source.yaml").is_file()
    settings = yaml.safe_load((copy / "config" / "local.yaml").read_text())
    assert settings.keys() == {"sftp", "sources", "glue"}
    assert settings["sources"].keys() == {"added_source"}
    assert (copy / "node_modules").resolve() == root / "node_modules"
    assert (copy / ".slipway" / "jars").resolve() == root / ".slipway" / "jars"
    assert (copy / ".slipway" / "assemblies").is_dir()
    assert not any((copy / name).exists() for name in ("tests", "leftover", ".slipway/4711.log"))


def test_mistakes_of_an_example_are_shown(root: Path, tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match=r"worse does not compile:\n.*\n.*nobody knows this"):
        example_project.made(Path("examples/worse"), tmp_path / "copy", root=root)


def test_the_code_of_the_copy_runs_and_has_no_other_state(
    root: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLIPWAY_STATE", "elsewhere")
    (root / "asked.py").write_text(
        "import os, sys; print(os.environ.get('SLIPWAY_STATE'), sys.argv[1:])"
    )
    assert example_project.run(root, "asked", "a").returncode == 0
    assert capfd.readouterr().out == "None ['a']\n"


def test_a_project_without_the_datasets_tells_the_story_in_a_copy(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(example_project, "made", lambda _example, into: into)
    monkeypatch.setattr(
        example_project, "run", lambda *words: asked.append(words) or SimpleNamespace(returncode=3)
    )
    words = ["demo", "--story", "marketplace", "--seed", "3", "--keep", "--engine", "duckdb"]
    assert command_line.main(words) == 3
    assert asked == [(Path(".slipway/marketplace"), "slipway", *words)]
    assert "slipway mart list" in capsys.readouterr().out


@pytest.fixture
def mart(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """The rows of the mart of sales as Athena gives them; a test may change them."""
    rows: list[tuple[Any, ...]] = [*marketplace.sales(FILES)]
    columns = tuple(SimpleNamespace(name=name) for name in COLUMNS)
    monkeypatch.setattr(
        marketplace_accounts.marts, "load", lambda _name: SimpleNamespace(columns=columns)
    )
    monkeypatch.setattr(
        marketplace_accounts.lake,
        "query",
        lambda _deployment, _sql: pandas.DataFrame(rows, columns=COLUMNS),
    )
    copy = SimpleNamespace(rows=[*rows])
    monkeypatch.setattr(marketplace_accounts.warehouse, "is_there", lambda _deployment: True)
    monkeypatch.setattr(marketplace_accounts.warehouse, "query", lambda _deployment, _sql: copy)
    runs = [{"outcome": "unchanged"}, {"outcome": "published", "detail": "1 period written"}]
    monkeypatch.setattr(
        marketplace_accounts.mart_runs, "one", lambda _deployment, _name: SimpleNamespace(runs=runs)
    )
    return rows


def mart_compared() -> MartCompared:
    nowhere: Any = None
    return marketplace_accounts.mart(nowhere, SALES, FILES)


def test_a_mart_that_is_what_the_shop_says_differs_in_nothing(mart: list[tuple[Any, ...]]) -> None:
    found = mart_compared()
    assert (found.rows, found.detail, found.differences) == (len(mart), "1 period written", ())
    assert found.asked == ("lake", "warehouse")


def test_a_mart_with_another_cent_differs(mart: list[tuple[Any, ...]]) -> None:
    *group, sales = mart[0]
    mart[0] = (*group, f"{float(sales) + 0.01:.2f}")
    shop, lake = mart_compared().differences
    assert (str(sales) in shop, str(mart[0][-1]) in lake) == (True, True)
    assert shop.startswith(f"{SALES}, lake: 1 rows are only in the shop, such as ")


def test_a_copy_in_the_warehouse_that_lacks_a_row_differs(
    mart: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = SimpleNamespace(rows=mart[1:])
    monkeypatch.setattr(marketplace_accounts.warehouse, "query", lambda _deployment, _sql: copy)
    [told] = mart_compared().differences
    assert told.startswith(f"{SALES}, warehouse: 1 rows are only in the shop, such as ")


class Holders:
    """Those who hold a table of the shop, each with rows of its own, which a test may change."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.shop = [{**row, "status": row.get("status", "")} for row in FILES[name]]
        self.files = [dict(row) for row in self.shop]
        stored = [marketplace.protected(name, row, KEY) for row in self.shop]
        self.processed, self.silver = [dict(row) for row in stored], [dict(row) for row in stored]

    def compared(self) -> TableCompared:
        nowhere: Any = SimpleNamespace(output=lambda _name: "raw", client=lambda _name: self)
        return marketplace_accounts.table(nowhere, self.name, self.shop, KEY)

    def get_object(self, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803 - as S3 names them
        """The first file has everything, the second the last row once more, as it is now."""
        assert Bucket == "raw"
        rows = [*self.files[:-1], self.first] if Key == "0" else self.files[-1:]
        lines = [",".join(rows[0]), *(",".join(row.values()) for row in rows)]
        return {"Body": io.BytesIO("\n".join(lines).encode())}

    @property
    def first(self) -> dict[str, str]:
        """What the last row was before it was changed."""
        return {**self.files[-1], "status": "PENDING"}

    def query(self, _deployment: Any, _sql: str) -> pandas.DataFrame:
        """As awswrangler does it: an empty text is no value."""
        return pandas.DataFrame(self.processed).replace("", pandas.NA)


@pytest.fixture(params=["orders", "users", "payments"])
def holders(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Holders:
    made = Holders(request.param)
    rejected = {"received_at": "3"}
    entries = [{"raw_key": key, "received_at": at} for key, at in (("1", "2"), ("0", "1"))]
    monkeypatch.setattr(marketplace_accounts.ledgers, "entries", lambda *_: [*entries, rejected])
    monkeypatch.setattr(marketplace_accounts.lake, "query", made.query)
    monkeypatch.setattr(marketplace_accounts.model, "load", lambda _name: None)
    monkeypatch.setattr(marketplace_accounts.internal_database, "holds", lambda *_: True)
    monkeypatch.setattr(
        marketplace_accounts.internal_database,
        "texts",
        lambda _deployment, _contract, _columns: [tuple(row.values()) for row in made.silver],
    )
    return made


def test_who_says_what_the_shop_says_differs_in_nothing(holders: Holders) -> None:
    found = holders.compared()
    assert (found.rows, found.differences) == (len(holders.shop), ())
    assert found.asked == ("files", "processed", "silver")
    money = {"orders": "total_amount", "payments": "amount"}.get(holders.name)
    assert found.money == (
        sum(Decimal(row[money]) for row in holders.shop) if money is not None else None
    )


@pytest.mark.parametrize(
    ("account", "fault"),
    [
        *((who, "a value") for who in ("files", "processed", "silver")),
        *((who, "a row that is missing") for who in ("files", "processed", "silver")),
        # Files are put together by key: what comes twice is there once.
        *((who, "a row that is there twice") for who in ("processed", "silver")),
    ],
)
def test_a_leg_that_differs_is_named(holders: Holders, account: str, fault: str) -> None:
    rows: list[dict[str, str]] = getattr(holders, account)
    if fault == "a value":
        rows[3]["status" if "status" in rows[3] else "role"] = "ELSE"
    elif fault == "a row that is missing":
        del rows[3]
    else:
        rows.append(dict(rows[3]))
    told = holders.compared().differences
    assert told
    assert all(each.startswith(f"{holders.name}, {account}: 1 rows are ") for each in told)


def ending(*differences: str) -> marketplace_story.Compared:
    table = TableCompared(
        table="orders",
        rows=1_234,
        money=Decimal("5678.90"),
        asked=("files", "processed"),
        differences=differences,
    )
    mart = MartCompared(
        mart=SALES, rows=9, detail="d", asked=("lake", "warehouse"), differences=differences
    )
    return marketplace_story.Compared(tables=(table,), marts=(mart,))


@pytest.mark.parametrize(
    ("differences", "code", "told"),
    [
        ((), 0, "every row and cent of the shop's database is in the lake and its marts"),
        (
            ("orders, processed: a cent", f"{SALES}, warehouse: a cent"),
            1,
            "does not agree: orders, processed: a cent",
        ),
    ],
)
def test_the_command_says_what_does_not_agree(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    differences: tuple[str, ...],
    code: int,
    told: str,
) -> None:
    finding = marketplace_story.Finding(
        dataset="orders", rule_id="r", rows_failed=2, rows_checked=9
    )
    stopped: list[bool] = []
    monkeypatch.setattr(marketplace_story, "is_told_here", lambda: True)
    monkeypatch.setattr(marketplace_story, "tell", lambda *_, **__: ending(*differences))
    monkeypatch.setattr(marketplace_story, "findings", lambda _deployment: [finding])
    monkeypatch.setattr(stories, "connect", lambda _environment: None)
    cloud = SimpleNamespace(stop=lambda: stopped.append(True))
    monkeypatch.setattr(stories.up, "bring_up", lambda *_: cloud)
    assert command_line.main(["demo", "--story", "marketplace"]) == code
    said = capsys.readouterr().out
    assert told in said
    assert ("2 of 9" in said, "5,678.90" in said, stopped) == (True, True, [True])
    assert said.count("differs") == 2 * code
