"""Calculated fields of a dashboard: ratios, parts of dates, what filters offer, and changes since the year before.

Each is there per table under the same name, because a filter over several tables matches columns by name.
Source: QuickSight API reference, CalculatedField.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dashboards.model import Dashboard, Dimension, Measure, Table

Json = dict[str, Any]


def calculated(dashboard: Dashboard) -> Iterator[Json]:
    """All of them."""
    for source in dashboard.sources:
        for measure in dashboard.measures:
            if measure.is_ratio:
                parts = [
                    dashboard.measure(name)
                    for name in (measure.numerator, measure.denominator)
                    if name
                ]
                if set(parts) <= set(dashboard.columns_measured(source)):
                    yield _field(
                        source, ratio(measure), " / ".join(_aggregate(part) for part in parts)
                    )
        for dimension in dashboard.dimensions:
            if source in dimension.columns and dimension.name in dashboard.filters:
                yield _field(
                    source, filtered(dimension), _text(dimension, dimension.columns[source])
                )
            if source in dimension.columns and dimension.part == "month_of_year":
                yield _field(
                    source, part(dimension), f"extract('MM', {{{dimension.columns[source]}}})"
                )
    yield from _changes(dashboard)


def _changes(dashboard: Dashboard) -> Iterator[Json]:
    """Each sum of a table by year, as its change since the year before.

    Source: QuickSight user guide, periodOverPeriodPercentDifference: compares by date, so a missing year is no change.
    """
    fields = {
        (table.source, name): dashboard.dimension(year).columns[table.source]
        for table, year in tables_by_year(dashboard)
        for name in comparable(dashboard, table)
    }
    for (source, name), column in fields.items():
        total = _aggregate(dashboard.measure(name))
        expression = f"periodOverPeriodPercentDifference({total}, {{{column}}}, YEAR, 1)"
        yield _field(source, change(name), expression)


def tables_by_year(dashboard: Dashboard) -> Iterator[tuple[Table, str]]:
    """Tables whose rows are years, and the dimension that says so."""
    for visual in dashboard.visuals:
        if isinstance(visual, Table) and [
            dashboard.dimension(name).part for name in visual.dimensions
        ] == ["year"]:
            yield visual, visual.dimensions[0]


def comparable(dashboard: Dashboard, table: Table) -> list[str]:
    """Money that is added up; what is counted, and ratios, would fill the table with columns that nobody reads."""
    measures = (dashboard.measure(name) for name in table.measures)
    return [m.name for m in measures if m.format == "money" and m.aggregation == "sum"]


def aggregated(dashboard: Dashboard, measure: Measure) -> str:
    """A measure as an expression over the columns of its table; a ratio of nothing is null."""
    if measure.numerator is None or measure.denominator is None:
        return _aggregate(measure)
    over, under = (
        _aggregate(dashboard.measure(name)) for name in (measure.numerator, measure.denominator)
    )
    return f"{over} / nullIf({under}, 0)"


def _field(source: str, name: str, expression: str) -> Json:
    return {"DataSetIdentifier": source, "Name": name, "Expression": expression}


def _aggregate(measure: Measure) -> str:
    return f"{measure.aggregation}({{{measure.column}}})"


def _text(dimension: Dimension, column: str) -> str:
    """What a filter offers: text, so that one kind of filter serves every dimension."""
    formats = {"year": "yyyy", "month": "yyyy-MM", "month_of_year": "MM"}
    if dimension.part == "quarter":
        return (
            f"concat(formatDate({{{column}}}, 'yyyy'), '-Q', toString(extract('Q', {{{column}}})))"
        )
    return (
        f"formatDate({{{column}}}, '{formats[dimension.part]}')"
        if dimension.part
        else f"{{{column}}}"
    )


def ratio(measure: Measure) -> str:
    """Field of a measure that is computed from two others."""
    return f"ratio_{measure.name}"


def filtered(dimension: Dimension) -> str:
    """Field by whose values a dimension is filtered."""
    return f"filter_{dimension.name}"


def part(dimension: Dimension) -> str:
    """Field of a part of a date that has no granularity of its own."""
    return f"part_{dimension.name}"


def change(measure: str) -> str:
    """Field of a measure's change since the year before."""
    return f"change_{measure}"
