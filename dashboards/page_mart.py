"""The page's account of a mart: its last runs, which versions of its inputs they read, and what they added up to."""

from __future__ import annotations

from dashboards import texts
from dashboards.html import Markup, tag
from dashboards.page_data import MartHealth, MartRun
from dashboards.page_health import BAD, GOOD, PLAIN, WATCH, pill

# How a run of a mart ended (lambdas/run_mart/service.py).
TONES = {
    "published": GOOD,
    "unchanged": GOOD,
    "rolled back": WATCH,
    "waiting": PLAIN,
    "running": PLAIN,
    "failed": BAD,
}
HEADS = ("Started", "By", "Outcome", "Rows", "Versions of the inputs", "Detail")


def verdicts(health: MartHealth) -> Markup:
    """The answers that decide whether to trust the figures, for the top of the page."""
    found = [newest(health), reconciled(health)]
    return tag("ul", (tag("li", pill(tone, text)) for tone, text in found), class_="verdicts")


def newest(health: MartHealth) -> tuple[str, str]:
    """(tone, in words) of the newest run."""
    if not health.runs:
        return PLAIN, "Never computed"
    outcome = health.runs[0].outcome
    return TONES.get(outcome, PLAIN), f"Last run: {outcome}"


def reconciled(health: MartHealth) -> tuple[str, str]:
    """(tone, in words): nothing of a mart is published whose sums are not those of its inputs."""
    if any(run.totals for run in health.runs):
        return GOOD, "Sums are those of its inputs"
    return PLAIN, "Not reconciled"


def section(health: MartHealth) -> Markup:
    """The section on its runs."""
    rows = [_row(run) for run in health.runs]
    head = tag("tr", (tag("th", each, scope="col") for each in HEADS))
    table = tag(
        "table",
        tag("caption", "Last runs of the mart", class_="unseen"),
        tag("thead", head),
        tag("tbody", rows),
    )
    cells = tag("div", table, class_="cells", tabindex="0", role="region", aria_label="Last runs")
    card = tag("div", tag("h3", "Last runs"), tag("p", _conserved(health)), cells, class_="card")
    return tag(
        "section",
        tag("h2", "Pipeline", id="pipeline"),
        tag("div", card, class_="cards"),
        aria_labelledby="pipeline",
        class_="pipeline",
    )


def _conserved(health: MartHealth) -> str:
    sums = "; ".join(health.conserved)
    return f"Computed from {', '.join(health.inputs)}. Published only if: {sums}."


def _row(run: MartRun) -> Markup:
    versions = ", ".join(f"{name} {version}" for name, version in sorted(run.versions.items()))
    cells = (
        tag("td", run.trigger),
        tag("td", pill(TONES.get(run.outcome, PLAIN), run.outcome)),
        tag("td", "" if run.rows is None else f"{run.rows:,}", class_="figure"),
        tag("td", versions),
        tag("td", run.detail),
    )
    return tag("tr", tag("th", texts.moment(run.started_at), scope="row"), cells)
