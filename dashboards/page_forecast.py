"""The page's forecasts: what came, what is expected, within which band, and how wrong the method has been.

Drawn here and not by the page's script, so the filters leave it alone: a forecast is published for whole series, and
under a filter its band would be no sum of published ones. The band of the total is the sum of the bands of all series,
its widest case: as if all were wrong in the same direction at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal

from dashboards import page_health, texts
from dashboards.html import Markup, tag
from dashboards.page_data import Forecast, ForecastPoint, PageData
from rows.forecast_run import TRAINED

WIDTH, HEIGHT = 720, 260
LEFT, RIGHT, TOP, BOTTOM = 64, 12, 14, 226
MOST_HISTORY = 36  # periods before the forecast
LABELS = 6  # on the time axis, about
UNITS = ((Decimal(10**9), "B"), (Decimal(10**6), "M"), (Decimal(10**3), "k"))
METHODS = {
    "seasonal_naive": "Seasonal naive",
    "holt_winters": "Holt-Winters, better than seasonal naive",
    "gradient_boosting": "Trained model, better than seasonal naive",
    "mean": "Mean",
    "ended": "None: it has ended",
}
REVIEW = ("Period", "Expected", "80 % from", "to", "Came", "Off by", "Series within 80 %")
HEADERS = ("Series", "Method", "Next", "80 % from", "to", "WAPE", "MASE")


def sections(data: PageData) -> list[Markup]:
    """A section for each forecast; none where the contract has nothing forecast, or nothing is yet."""
    return [
        _section(forecast, position)
        for position, forecast in enumerate(data.forecasts)
        if forecast.points
    ]


def _section(forecast: Forecast, position: int) -> Markup:
    name, words = f"forecast-{position}", f"forecast-words-{position}"
    figure = tag(
        "figure",
        tag(
            "figcaption",
            tag("h3", "All series", id=f"{name}-figure"),
            tag("p", "not filtered", class_="scope"),
        ),
        tag("p", _in_words(forecast), id=words, class_="words"),
        tag(
            "div",
            _picture(forecast),
            class_="drawing scrolled",
            tabindex="0",
            role="region",
            aria_label=f"Chart: {forecast.title}",
        ),
        class_="card",
        aria_labelledby=f"{name}-figure",
        aria_describedby=words,
    )
    table = tag(
        "article",
        tag("h3", "Series"),
        page_health.figures(f"Forecast of {forecast.title}", HEADERS, _rows(forecast), range(2, 7)),
        class_="card",
    )
    past = tag(
        "article",
        tag("h3", "Last forecast against what came"),
        page_health.figures(
            f"Past forecasts of {forecast.title}", REVIEW, _past(forecast), range(1, 7)
        ),
        class_="card",
    )
    cards = (figure, table, past) if forecast.reviewed else (figure, table)
    heading = tag("h2", f"Forecast of {forecast.title}", id=name)
    return tag("section", heading, tag("div", *cards, class_="cards"), aria_labelledby=name)


def _in_words(forecast: Forecast) -> str:
    first = forecast.points[0]
    better = sum(series.method in TRAINED for series in forecast.series)
    said = (
        f"{better} of {len(forecast.series):,} series beat seasonal naive in the backtest"
        if better
        else "no method beat seasonal naive in the backtest, so that is what is shown"
    )
    wide = (
        f", between {texts.figure(first.lower_80)} and {texts.figure(first.upper_80)}"
        " if all series are off in the same direction (80 %)"
        if first.lower_80 is not None
        else ""
    )
    return (
        f"{texts.day(first.period)}: {texts.figure(first.value)} expected{wide}."
        f" Known through the period of {texts.day(forecast.trained_through)}; {said}."
    )


def _rows(forecast: Forecast) -> list[tuple[str, ...]]:
    return [
        (
            series.name,
            METHODS.get(series.method, series.method),
            texts.figure(series.value),
            texts.figure(series.lower_80),
            texts.figure(series.upper_80),
            _share(series.wape),
            texts.NONE if series.mase is None else f"{series.mase:.2f}",
        )
        for series in forecast.series
    ]


def _past(forecast: Forecast) -> list[tuple[str, ...]]:
    return [
        (
            texts.day(each.period),
            texts.figure(each.value),
            texts.figure(each.lower_80),
            texts.figure(each.upper_80),
            texts.figure(each.actual),
            _share(abs(each.actual - each.value) / abs(each.actual)) if each.actual else texts.NONE,
            f"{each.inside:,} of {each.series:,}",
        )
        for each in reversed(forecast.reviewed)
    ]


def _share(wape: Decimal | None) -> str:
    return texts.NONE if wape is None else f"{wape * 100:.1f} %"


def _picture(forecast: Forecast) -> Markup:
    history = forecast.history[-MOST_HISTORY:]
    points = forecast.points
    count = len(history) + len(points)
    amounts = [amount for _, amount in history] + [
        amount
        for point in points
        for amount in (point.value, point.lower_95, point.upper_95)
        if amount is not None
    ]
    low, high = min(Decimal(0), *amounts), max(Decimal(1), *amounts)

    def x(at: int) -> float:
        return LEFT + at / max(count - 1, 1) * (WIDTH - LEFT - RIGHT)

    def y(amount: Decimal) -> float:
        return TOP + float((high - amount) / (high - low)) * (BOTTOM - TOP)

    known = [(x(at), y(amount)) for at, (_, amount) in enumerate(history)]
    ahead = [(x(len(history) + at), y(point.value)) for at, point in enumerate(points)]
    bands = [
        _band([(x(len(history) + at), point) for at, point in enumerate(points)], share, y)
        for share in (95, 80)
    ]
    days = [day for day, _ in history] + [point.period for point in points]
    return tag(
        "svg",
        [_tick(amount, y(amount)) for amount in dict.fromkeys((low, (low + high) / 2, high))],
        [_day(days[at], x(at)) for at in range(0, count, max(1, count // LABELS))],
        bands,
        tag(
            "g",
            tag("polyline", points=_joined(known), class_="mark"),
            tag("polyline", points=_joined([*known[-1:], *ahead]), class_="mark open"),
            class_="series s1",
        ),
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        class_="picture",
        aria_hidden="true",
        focusable="false",
    )


def _band(
    places: Sequence[tuple[float, ForecastPoint]], share: int, y: Callable[[Decimal], float]
) -> Markup | None:
    ends = [(at, getattr(p, f"lower_{share}"), getattr(p, f"upper_{share}")) for at, p in places]
    if any(lower is None for _, lower, _ in ends):
        return None
    around = [(at, y(upper)) for at, _, upper in ends]
    around += [(at, y(lower)) for at, lower, _ in reversed(ends)]
    return tag("polygon", points=_joined(around), class_="band s1")


def _joined(places: Sequence[tuple[float, float]]) -> str:
    """Points as SVG takes them; a path would need a closing tag, which `tag` does not give it."""
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in places)


def _tick(amount: Decimal, y: float) -> Markup:
    kind = "zero" if amount == 0 else "grid"
    ends = [(LEFT, y), (WIDTH - RIGHT, y)]
    line = tag("polyline", points=_joined(ends), class_=kind)
    text = tag("text", _short(amount), x=str(LEFT - 8), y=f"{y + 4:.1f}", text_anchor="end")
    return tag("g", line, text)


def _day(day: date, x: float) -> Markup:
    text = f"{texts.MONTHS[day.month - 1]} {day.year}"
    return tag("text", text, x=f"{x:.1f}", y=str(BOTTOM + 20), text_anchor="middle")


def _short(amount: Decimal) -> str:
    for size, unit in UNITS:
        if abs(amount) >= size:
            return f"{amount / size:.1f} {unit}".replace("-", texts.MINUS)
    return f"{amount:.0f}".replace("-", texts.MINUS)
