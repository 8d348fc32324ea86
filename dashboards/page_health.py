"""The page's account of the pipeline: is the data fresh, does it add up, what was refused, what ran."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from dashboards import texts
from dashboards.html import Child, Markup, tag
from dashboards.page_data import File, Health, PageData, Run

# Status by tone; a tone is a colour and a sign of its own, so that nothing is said by colour alone.
GOOD, WATCH, BAD, PLAIN = "good", "watch", "bad", "plain"
TONES = {
    "succeeded": GOOD,
    "loaded": GOOD,
    "failed": BAD,
    "rejected": BAD,
    "running": PLAIN,
    "waiting": PLAIN,
    "claimed": PLAIN,
    "registering": PLAIN,
    "duplicate": PLAIN,
    "ignored": PLAIN,
    "rolled_back": WATCH,
    "set_aside": WATCH,
    "retracted": PLAIN,
    "incomplete": WATCH,
    "arriving": PLAIN,
    "arrived": PLAIN,
    "replaced": PLAIN,
}
# How a fetch of a source ended (sources/fetches.py).
FETCHES = {"delivered": GOOD, "unchanged": GOOD, "empty": GOOD, "failed": BAD}
SIGNS = {
    GOOD: "M3 8.5 6.5 12 13 4.5",
    WATCH: "M8 3v6.2M8 12.2v.3",
    BAD: "M4 4l8 8M12 4l-8 8",
    PLAIN: "M4 8h8",
}
SENTENCES = ("Why", "For example")  # headers of columns that hold whole sentences
COUNTS = ("Rows", "Loaded", "Quarantined", "Deduplicated")


def verdicts(data: PageData, health: Health) -> Markup:
    """The two answers that decide whether to trust the figures, for the top of the page."""
    found = (freshness(data, health), reconciled(health))
    return tag("ul", (tag("li", pill(tone, text)) for tone, text, _ in found), class_="verdicts")


def pill(tone: str, text: str) -> Markup:
    """A status with its sign."""
    sign = tag(
        "svg",
        tag("path", d=SIGNS[tone]),
        viewBox="0 0 16 16",
        aria_hidden="true",
        focusable="false",
    )
    return tag("span", sign, text, class_=f"pill {tone}")


def freshness(data: PageData, health: Health) -> tuple[str, str, str]:
    """(tone, in two words, in a sentence), as of the moment the page was written."""
    last, limit = health.last_loaded_at, timedelta(hours=health.freshness_hours)
    if last is None:
        return PLAIN, "Nothing loaded", "No run has loaded anything yet."
    age = max(data.written_at - last, timedelta(0))
    ago = f"{texts.span(age)} before this page was written"
    sentence = (
        f"Last loaded {texts.moment(last)}, {ago}; the contract allows {health.freshness_hours} h."
    )
    return (GOOD, "Fresh", sentence) if age <= limit else (BAD, "Stale", sentence)


def reconciled(health: Health) -> tuple[str, str, str]:
    """(tone, in two words, in a sentence)."""
    if health.reconciliation.differences:
        count = texts.plural(len(health.reconciliation.differences), "difference")
        return (
            BAD,
            "Does not add up",
            f"{count} between what was read and what is in the tables, listed below.",
        )
    if not health.reconciliation.accounts:
        return PLAIN, "Not reconciled", "Nothing was published, so there is nothing to add up."
    return (
        GOOD,
        "Reconciled",
        "Every row and cent that was read is loaded, quarantined or deduplicated, and the tables agree.",
    )


def section(data: PageData, health: Health) -> Markup:
    """The section on the pipeline."""
    cards = [_reconciliation(health), _refusals(health), _runs(health), _files(health)]
    if health.sources:
        cards.append(_sources(data, health))
    return tag(
        "section",
        tag("h2", "Pipeline", id="pipeline"),
        tag("ul", _tiles(data, health), class_="tiles"),
        tag("div", cards, class_="cards"),
        aria_labelledby="pipeline",
        class_="pipeline",
    )


def _tiles(data: PageData, health: Health) -> list[Markup]:
    return [
        _last_run(health),
        _tile("Freshness", *freshness(data, health)),
        _tile("Reconciliation", *reconciled(health)),
        _fates(health),
        _refused(health),
        _cost(health),
    ]


def _tile(title: str, tone: str, text: str, detail: str) -> Markup:
    return tag(
        "li",
        tag("h3", title),
        tag("p", pill(tone, text)),
        tag("p", detail, class_="detail"),
        class_="tile",
    )


def _last_run(health: Health) -> Markup:
    if not health.runs:
        return _tile("Last run", PLAIN, "No run yet", "A run starts when a file has arrived.")
    run = health.runs[0]
    what = (
        texts.plural(run.rows_loaded, "row") + " loaded"
        if run.rows_loaded is not None
        else run.explanation
    )
    return _tile(
        "Last run", TONES[run.status], _words(run.status), f"{texts.moment(run.started_at)}. {what}"
    )


def _fates(health: Health) -> Markup:
    total = sum(health.fates.values())
    if not total:
        return _tile("Files", PLAIN, "None yet", "Nothing was delivered for this dataset.")
    tone = WATCH if any(map(health.fates.get, ("rejected", "set_aside", "incomplete"))) else GOOD
    parts = [
        f"{count:,} {_words(status).lower()}" for status, count in health.fates.items() if count
    ]
    return _tile("Files", tone, texts.plural(total, "file"), ", ".join(parts) + ".")


def _cost(health: Health) -> Markup:
    cost = health.cost
    if cost is None:
        return _tile("Jobs this month", PLAIN, "Not known", "No run of this month says its cost.")
    runs = texts.plural(cost.runs, "run")
    detail = f"{runs} in {cost.month:%Y-%m}, at list prices. Other functions, storage, requests and logs come on top."
    return _tile("Jobs this month", PLAIN, f"{cost.usd:,.2f} USD", detail)


def _refused(health: Health) -> Markup:
    if not health.refused_rows:
        return _tile("Quarantine", GOOD, "Empty", "No record is refused at present.")
    rules = texts.plural(len(health.refusals), "rule")
    return _tile(
        "Quarantine",
        WATCH,
        texts.plural(health.refused_rows, "row"),
        f"Refused by {rules}, listed below.",
    )


def _reconciliation(health: Health) -> Markup:
    found = health.reconciliation
    if not found.accounts:
        return _card("Reconciliation", "wide", _nothing("Nothing was published yet."))
    rows = [
        (
            account.label,
            texts.figure(account.rows),
            *(texts.figure(total) for total in account.totals),
        )
        for account in found.accounts
    ]
    headers = ("Account", "Rows", *(name.replace("_", " ").capitalize() for name in found.columns))
    differences = (
        tag("ul", (tag("li", text) for text in found.differences), class_="differences")
        if found.differences
        else None
    )
    return _card(
        "Reconciliation",
        "wide",
        differences,
        figures("Reconciliation in rows and money", headers, rows, range(1, len(headers))),
    )


def _refusals(health: Health) -> Markup:
    title = "Quarantine by rule"
    if not health.refusals:
        return _card(title, "wide", _nothing("No record is refused."))
    counts = {refusal.rows for refusal in health.refusals}
    most = max(counts) if len(counts) > 1 else None  # bars of one length say nothing
    rows = [
        (refusal.rule, [texts.figure(refusal.rows), _gauge(refusal.rows, most)], refusal.example)
        for refusal in health.refusals
    ]
    return _card(title, "wide", figures(title, ("Rule", "Rows", "For example"), rows, (1,)))


def _gauge(value: int, most: int | None) -> Markup | None:
    if most is None:
        return None
    bar = tag("rect", width=f"{100 * value / most:.1f}", height="6", rx="1")
    return tag(
        "svg",
        bar,
        class_="gauge",
        viewBox="0 0 100 6",
        preserveAspectRatio="none",
        aria_hidden="true",
        focusable="false",
    )


def _runs(health: Health) -> Markup:
    if not health.runs:
        return _card("Runs", "wide", _nothing("No run yet."))
    rows = [
        (
            _time(run.started_at),
            pill(TONES[run.status], _words(run.status)),
            _words(run.mode),
            _lasted(run),
            f"{run.files:,}",
            *_counts(run),
            run.explanation,
        )
        for run in health.runs
    ]
    headers = ("Started", "Result", "Kind", "Took", "Files", *COUNTS, "Why")
    return _card("Runs, newest first", "wide", figures("Runs", headers, rows, range(3, 9)))


def _counts(run: Run) -> Iterable[str]:
    return (
        texts.figure(count)
        for count in (run.rows_read, run.rows_loaded, run.rows_quarantined, run.rows_deduplicated)
    )


def _lasted(run: Run) -> str:
    return texts.span(run.ended_at - run.started_at) if run.ended_at else texts.NONE


def _files(health: Health) -> Markup:
    if not health.files:
        return _card("Files", "wide", _nothing("No file yet."))
    rows = [
        (
            file.name,
            pill(TONES[file.status], _words(file.status)),
            _time(file.received_at),
            *(
                texts.figure(count)
                for count in (
                    file.rows,
                    file.rows_loaded,
                    file.rows_quarantined,
                    file.rows_deduplicated,
                )
            ),
            _why(file),
        )
        for file in health.files
    ]
    left = sum(health.fates.values()) - len(rows)
    more = (
        tag(
            "p",
            f"The newest {len(rows)}; {left:,} older ones are in the file ledger.",
            class_="words",
        )
        if left > 0
        else None
    )
    return _card(
        "Files, newest first",
        "wide",
        more,
        figures("Files", ("File", "Fate", "Received", *COUNTS, "Why"), rows, range(3, 7)),
    )


def _sources(data: PageData, health: Health) -> Markup:
    """What is fetched, and how old what came from there is."""
    rows = [
        (
            source.name,
            pill(FETCHES.get(source.status, PLAIN), _words(source.status)),
            _time(source.changed_at) if source.changed_at else texts.NONE,
            texts.span(max(data.written_at - source.complete_at, timedelta(0)))
            if source.complete_at
            else texts.NONE,
            source.place,
            source.explanation,
        )
        for source in health.sources
    ]
    headers = ("Source", "Last fetch", "At", "Complete, ago", "From", "Why")
    return _card("Sources", "wide", figures("Sources", headers, rows, (3,)))


def _why(file: File) -> Child:
    """Why a file has its fate, and the first values that were refused of one that was set aside."""
    if not file.samples:
        return file.explanation
    lines = [tag("li", sample) for sample in file.samples]
    return tag("div", tag("p", file.explanation), tag("ul", *lines))


def _card(title: str, width: str, *children: Child) -> Markup:
    return tag("article", tag("h3", title), *children, class_=f"card {width}")


def _nothing(text: str) -> Markup:
    return tag("p", text, class_="nothing")


def figures(
    caption: str, headers: Sequence[str], rows: Iterable[Sequence[Child]], numeric: Iterable[int]
) -> Markup:
    """A table; `numeric` are the positions of columns with figures."""
    kinds = {
        at: "prose" for at, header in enumerate(headers) if header in SENTENCES
    } | dict.fromkeys(numeric, "figure")

    def cell(name: str, at: int, content: Child, scope: str | None = None) -> Markup:
        return tag(name, content, class_=kinds.get(at), scope=scope)

    head = tag("tr", (cell("th", at, text, "col") for at, text in enumerate(headers)))
    body = [
        tag(
            "tr",
            (
                cell("td" if at else "th", at, content, None if at else "row")
                for at, content in enumerate(row)
            ),
        )
        for row in rows
    ]
    table = tag(
        "table", tag("caption", caption, class_="unseen"), tag("thead", head), tag("tbody", body)
    )
    return tag(
        "div", table, class_="cells", tabindex="0", role="region", aria_label=f"Table: {caption}"
    )


def _time(value: datetime) -> Markup:
    return tag("time", texts.moment(value), datetime=value.isoformat())


def _words(status: str) -> str:
    return status.replace("_", " ").capitalize()
