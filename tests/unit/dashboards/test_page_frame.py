"""What is written before any script runs: the frame, the policy, and the pipeline's health."""

from __future__ import annotations

import dataclasses
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import get_args

import pytest

from dashboards import cube, page, page_health, texts
from dashboards.html import Markup, tag
from dashboards.page_data import Account, Health, PageData, Reconciliation
from pipeline import ledger
from tests.page import sample_page

HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> sample_page.Lake:
    return sample_page.generated_lake(tmp_path_factory.mktemp("orders"), rows=400)


@pytest.fixture
def data(lake: sample_page.Lake) -> PageData:
    return sample_page.page(lake, sample_page.healthy(lake))


def changed(data: PageData, **health: object) -> PageData:
    return dataclasses.replace(data, health=dataclasses.replace(data.health, **health))  # type: ignore[arg-type]


def words(html: str) -> str:
    """The text of a page without its tags, scripts and styles."""
    visible = re.sub(r"<(script|style).*?</\1>", "", html, flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", visible))


def test_texts_and_attributes_are_escaped_but_markup_is_not() -> None:
    made = tag(
        "p", "<b>&", tag("i", "x"), Markup("<br>"), None, class_='a"b', hidden=True, title=None
    )
    assert made == '<p class="a&quot;b" hidden>&lt;b&gt;&amp;<i>x</i><br></p>'


def test_text_of_a_file_cannot_become_markup_or_end_the_document(data: PageData) -> None:
    evil = "</script><script>alert(1)</script>"
    hostile = dataclasses.replace(
        data.cubes[1], groups=(("2024-01-01", evil),), figures=data.cubes[1].figures[:1]
    )
    shown = changed(
        dataclasses.replace(data, cubes=(data.cubes[0], hostile)),
        files=(sample_page.file(evil, explanation=evil),),
    )
    assert evil not in page.render(shown)


def test_the_policy_allows_the_pages_own_script_and_styles_only(data: PageData) -> None:
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]+)"', page.render(data))
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy
    assert "http" not in policy


def test_the_page_names_no_other_address(data: PageData) -> None:
    found = set(re.findall(r"https?://[^\s\"'<]+", page.render(data)))
    assert found == {
        "http://www.w3.org/2000/svg"
    }  # the name of the SVG elements, which nobody opens


def test_a_page_that_would_be_too_large_names_the_table(
    data: PageData, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "LARGEST_BYTES", 10_000)
    with pytest.raises(
        page.PageTooLarge, match=r"at most 10,000 are allowed; 'sales_by_\w+' has [\d,]+ groups"
    ):
        page.render(data)


def test_the_largest_cube_that_is_accepted_fits_into_a_page(data: PageData) -> None:
    rows = [
        ("2024-01-01", f"item {number % 3000}", Decimal("123456.78"), Decimal("1"))
        for number in range(30_000)
    ]
    big = cube.build(data.dashboard, "sales_by_month_item", rows)
    page.render(dataclasses.replace(data, cubes=(data.cubes[0], big)))


@pytest.mark.parametrize(
    ("age", "tone", "text"),
    [(35 * HOUR, "good", "Fresh"), (37 * HOUR, "bad", "Stale"), (-HOUR, "good", "Fresh")],
)
def test_freshness_is_judged_by_the_contract(
    data: PageData, age: timedelta, tone: str, text: str
) -> None:
    aged = changed(data, last_loaded_at=sample_page.WRITTEN - age)
    assert page_health.freshness(aged, aged.health)[:2] == (tone, text)
    assert text in words(page.render(aged))


def test_a_difference_is_told_on_top_and_in_full(data: PageData) -> None:
    found = dataclasses.replace(
        data.health.reconciliation, differences=("Run r read 5 rows and accounts for 4.",)
    )
    shown = words(page.render(changed(data, reconciliation=found)))
    assert shown.count("Does not add up") == 2
    assert "Run r read 5 rows and accounts for 4." in shown
    assert "Reconciled" not in shown


def test_nothing_published_is_never_called_reconciled(data: PageData) -> None:
    none = Reconciliation(columns=("total_revenue",), accounts=(), differences=())
    assert page_health.reconciled(changed(data, reconciliation=none).health)[1] == "Not reconciled"


def test_accounts_are_shown_to_the_cent(data: PageData) -> None:
    account = Account(label="Table: t", rows=None, totals=(Decimal("-1234567.80"),))
    found = Reconciliation(columns=("total_revenue",), accounts=(account,), differences=())
    assert "Table: t – \N{MINUS SIGN}1,234,567.80" in words(
        page.render(changed(data, reconciliation=found))
    )


def test_a_failed_last_run_says_why(data: PageData) -> None:
    failed = sample_page.run(
        rows=None, status="failed", explanation="ReconciliationFailed: 3 rows are missing"
    )
    shown = words(page.render(changed(data, runs=(failed, *data.health.runs))))
    assert shown.count("ReconciliationFailed: 3 rows are missing") == 2


def test_an_empty_quarantine_is_said_to_be_empty(data: PageData) -> None:
    shown = words(page.render(changed(data, refusals=(), refused_rows=0)))
    assert "No record is refused at present." in shown


def test_every_status_of_the_ledgers_has_a_tone() -> None:
    assert {*get_args(ledger.FileStatus), *get_args(ledger.RunStatus)} == page_health.TONES.keys()


def test_older_files_are_counted(data: PageData) -> None:
    assert "The newest 2; 1,198 older ones" in words(
        page.render(changed(data, fates={"loaded": 1200}))
    )


def test_refused_values_of_a_file_that_was_set_aside_are_on_the_page(data: PageData) -> None:
    sample = "record 4: units_sold: '1 391' is not a number"
    bad = dataclasses.replace(
        data.health.files[0], status="set_aside", explanation="all of it", samples=(sample,)
    )
    shown = page.render(changed(data, files=(bad,)))
    assert f"<p>all of it</p><ul><li>{sample}</li></ul>" in shown


def test_a_dataset_without_data_has_a_page_that_says_so() -> None:
    shown = words(page.render(sample_page.nothing_yet()))
    for text in (
        "No data yet",
        "Nothing loaded",
        "Not reconciled",
        "No run yet",
        "None yet",
        "Empty",
    ):
        assert text in shown
    assert "Key figures" not in shown


def test_a_run_without_rows_yet_is_shown(data: PageData) -> None:
    going = dataclasses.replace(sample_page.run(rows=None, status="running"), ended_at=None)
    assert "Running" in words(page.render(changed(data, runs=(going,))))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.44, "0.4 s"), (59, "59 s"), (302, "5 min 2 s"), (7200, "2 h"), (129_600, "1 d 12 h")],
)
def test_spans_are_written_in_their_two_largest_units(seconds: float, text: str) -> None:
    assert texts.span(timedelta(seconds=seconds)) == text


def test_moments_are_written_in_utc() -> None:
    assert texts.moment(datetime(2024, 12, 31, 23, 5, tzinfo=UTC)) == "31 Dec 2024, 23:05 UTC"
    assert texts.plural(1, "file") == "1 file"


def test_health_is_complete_without_scripts(data: PageData) -> None:
    assert isinstance(data.health, Health)
    shown = words(page.render(data))
    for text in (
        "holiday_photo.csv",
        "order_date.type",
        "Table: sales_by_month_item",
        "'<b>Phone</b>' & Co",
    ):
        assert text in shown.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def test_refusals_are_drawn_only_where_their_numbers_differ(data: PageData) -> None:
    first, second = data.health.refusals
    assert page.render(data).count('class="gauge"') == 2
    same = (first, dataclasses.replace(second, rows=first.rows))
    assert 'class="gauge"' not in page.render(changed(data, refusals=same))


def test_sources_say_how_they_fare_and_how_old_what_came_from_there_is(data: PageData) -> None:
    text = page.render(data)
    card = text[text.index(">Sources<") :]
    assert "sales_api" in card
    assert "1 d 1 h" in card
    assert "page 1: &lt;status&gt; 403" in card
    assert ">Sources<" not in page.render(changed(data, sources=()))
