"""One HTML file that needs nothing else: document, scripts and styles, under a policy that forbids all the rest.

The frame, the headings and the pipeline's health are written here, so that they are there before any script runs; the
figures that filters change are filled in by assets/*.js from the embedded document. Charts are drawn by hand instead
of by a library: docs/decisions/0015-charts-without-a-library.md.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
from functools import cache
from importlib import resources

from contracts.errors import PermanentError
from dashboards import page_forecast, page_health, page_mart, texts
from dashboards.html import Markup, tag
from dashboards.model import Dashboard, Dimension, Section, Visual
from dashboards.page_data import MartHealth, PageData

LARGEST_BYTES = 3_000_000
SCRIPTS = (
    "figures.js",
    "times.js",
    "cube.js",
    "elements.js",
    "line.js",
    "cursor.js",
    "bar.js",
    "page.js",
)


class PageTooLarge(PermanentError):
    """The figures would make a page that is no pleasure to open or to send."""


def render(data: PageData) -> str:
    """The whole page as HTML.

    Raises PageTooLarge, naming the largest table, when it is larger than LARGEST_BYTES in UTF-8.
    """
    text = "<!doctype html>\n" + tag("html", _head(data), _body(data), lang="en")
    size = len(text.encode())
    if size > LARGEST_BYTES:
        largest = max(data.cubes, key=lambda cube: len(cube.groups))
        raise PageTooLarge(
            f"the page would have {size:,} bytes, at most {LARGEST_BYTES:,} are allowed; {largest.source!r} has "
            f"{len(largest.groups):,} groups of {', '.join(largest.columns)}: remove one of its dimensions"
        )
    return text


@cache
def script() -> str:
    """All scripts as one function, so that the page has no global names."""
    parts = "\n".join(_asset(name) for name in SCRIPTS)
    return f'(() => {{\n"use strict";\n{parts}}})();'


@cache
def styles() -> str:
    """The style sheet."""
    return _asset("page.css")


def _asset(name: str) -> str:
    return (resources.files("dashboards") / "assets" / name).read_text(encoding="utf-8")


def _policy() -> str:
    """Content security policy: our script, our styles, and nothing from anywhere (W3C CSP3, hash sources)."""
    hashes = {
        kind: base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        for kind, text in (("script", script()), ("style", styles()))
    }
    sources = "; ".join(f"{kind}-src 'sha256-{value}'" for kind, value in hashes.items())
    return f"default-src 'none'; {sources}; base-uri 'none'; form-action 'none'"


def _head(data: PageData) -> Markup:
    meta = Markup(f'<meta http-equiv="Content-Security-Policy" content="{_policy()}">')
    return tag(
        "head",
        tag("meta", charset="utf-8"),
        meta,
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="generator", content="slipway report"),
        tag("title", f"{data.dashboard.title} · Slipway"),
        tag("style", Markup(styles())),
    )


def _body(data: PageData) -> Markup:
    shown = (
        [*_business(data), *page_forecast.sections(data), _pipeline(data)]
        if data.has_data
        else [_no_data(data), _pipeline(data)]
    )
    return tag(
        "body",
        tag("a", "Skip to the figures", class_="skip", href="#content"),
        _masthead(data),
        tag("main", *shown, id="content"),
        tag("footer", tag("p", _origin(data))),
        tag("script", Markup(_embedded(data)), type="application/json", id="document"),
        tag("script", Markup(script())),
    )


def _origin(data: PageData) -> str:
    return (
        f"Written by slipway report on {texts.moment(data.written_at)} from the {data.environment} environment. "
        "All figures were read through Athena; this file loads nothing and sends nothing."
    )


def _masthead(data: PageData) -> Markup:
    facts = [("Data through", texts.day(data.data_through) if data.data_through else "no data yet")]
    facts.append(("Written", texts.moment(data.written_at)))
    return tag(
        "header",
        tag(
            "div",
            tag("h1", data.dashboard.title),
            tag("p", data.dashboard.description, class_="lead"),
            class_="title",
        ),
        tag(
            "div",
            tag(
                "dl",
                (tag("div", tag("dt", name), tag("dd", value)) for name, value in facts),
                class_="facts",
            ),
            _verdicts(data),
            class_="state",
        ),
        class_="masthead",
    )


def _pipeline(data: PageData) -> Markup:
    if isinstance(data.health, MartHealth):
        return page_mart.section(data.health)
    return page_health.section(data, data.health)


def _verdicts(data: PageData) -> Markup:
    if isinstance(data.health, MartHealth):
        return page_mart.verdicts(data.health)
    return page_health.verdicts(data, data.health)


def _no_data(data: PageData) -> Markup:
    if isinstance(data.health, MartHealth):
        what = "The mart holds no rows. It is computed after a run of its inputs; write this page again then: "
        steps: list[str] = [tag("code", "slipway report")]
    else:
        what = "The tables of this dataset hold no rows. Upload a file, wait for its run, and write this page again: "
        steps = [tag("code", "slipway upload"), ", then ", tag("code", "slipway report")]
    return tag(
        "section",
        tag("h2", "No data yet", id="no-data"),
        tag(
            "p",
            what,
            steps,
            ".",
        ),
        aria_labelledby="no-data",
    )


def _business(data: PageData) -> list[Markup]:
    dashboard = data.dashboard
    noscript = tag(
        "noscript",
        tag(
            "p",
            "The figures of this page are computed by its own script; allow it to run.",
            class_="nothing",
        ),
    )
    return [
        noscript,
        _filters(dashboard),
        _kpis(dashboard),
        *(_section(section, position) for position, section in enumerate(dashboard.sections)),
    ]


def _filters(dashboard: Dashboard) -> Markup:
    choices = [_choice(dashboard.dimension(name)) for name in dashboard.filters]
    reset = tag("button", "Show everything", type="reset")
    status = tag("p", id="chosen", class_="chosen", role="status")
    return tag(
        "form",
        choices,
        reset,
        status,
        id="filters",
        class_="filters",
        aria_label="Filters",
        autocomplete="off",
    )


def _choice(dimension: Dimension) -> Markup:
    name = f"filter-{dimension.name}"
    everything = tag("option", "All", value="")
    return tag(
        "div",
        tag("label", dimension.label, for_=name),
        tag("select", everything, id=name),
        class_="choice",
    )


def _kpis(dashboard: Dashboard) -> Markup:
    return tag(
        "section",
        tag(
            "div",
            tag("h2", "Key figures", id="key-figures"),
            tag("p", id="kpi-scope", class_="scope"),
            class_="heading",
        ),
        tag("ul", (_kpi(dashboard, name) for name in dashboard.kpis.measures), class_="kpis"),
        tag("p", id="kpi-comparison", class_="aside"),
        aria_labelledby="key-figures",
    )


def _kpi(dashboard: Dashboard, name: str) -> Markup:
    return tag(
        "li",
        tag("h3", dashboard.measure(name).label),
        tag("p", class_="short"),
        tag("p", class_="full"),
        tag("p", class_="verdict"),
        tag("p", class_="change"),
        tag("div", class_="spark"),
        id=f"kpi-{name}",
        class_="kpi",
    )


def _section(section: Section, position: int) -> Markup:
    name = f"section-{position}"
    cards = tag("div", (_visual(visual) for visual in section.visuals), class_="cards")
    return tag("section", tag("h2", section.title, id=name), cards, aria_labelledby=name)


def _visual(visual: Visual) -> Markup:
    heading, words = f"heading-{visual.id}", f"words-{visual.id}"
    cells = tag(
        "div", class_="cells", tabindex="0", role="region", aria_label=f"Data table: {visual.title}"
    )
    details = tag(
        "details",
        tag("summary", "Data table", tag("span", f" of {visual.title}", class_="unseen")),
        cells,
    )
    is_table = visual.kind == "table"
    return tag(
        "figure",
        tag("figcaption", tag("h3", visual.title, id=heading), tag("p", class_="scope")),
        tag("p", id=words, class_="words"),
        cells if is_table else [tag("div", class_="drawing"), details],
        id=f"visual-{visual.id}",
        class_=f"card {visual.kind}",
        aria_labelledby=heading,
        aria_describedby=words,
    )


def _embedded(data: PageData) -> str:
    """The document for the scripts; `<` is escaped, so that no text can end its element (HTML, script data state)."""
    document = {
        "dashboard": dataclasses.asdict(data.dashboard),
        "cubes": [cube.as_json() for cube in data.cubes],
        "dataThrough": data.data_through.isoformat() if data.data_through else "",
    }
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
