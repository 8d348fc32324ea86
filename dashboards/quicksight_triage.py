"""Colours of good and poor figures as QuickSight's conditional formatting, for key figures and cells of tables.

Charts of bars and lines take none. A condition is an expression over aggregated columns, as QuickSight itself writes it
(`SUM({defect_rate}) > 2.5`). Source: QuickSight API reference, KPIConditionalFormatting, TableConditionalFormatting and
ConditionalFormattingSolidColor.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from dashboards import quicksight_fields as fields
from dashboards.model import Dashboard, Measure

Json = dict[str, Any]

# Those of dashboards/assets/page.css in light, which have contrast AA on white.
GOOD, WATCH, POOR = "#17714A", "#8A5A00", "#B3261E"


def of_key_figure(dashboard: Dashboard, measure: Measure) -> Json:
    """The property of a KPI visual; empty for a measure without triage."""
    options = [{"PrimaryValue": {"TextColor": color}} for color in _colors(dashboard, measure)]
    return _formatting(options)


def of_table(dashboard: Dashboard, field_ids: dict[str, str]) -> Json:
    """The property of a table that shows these measures, each under its field."""
    options = [
        {"Cell": {"FieldId": field_id, "TextFormat": {"TextColor": color}}}
        for name, field_id in field_ids.items()
        for color in _colors(dashboard, dashboard.measure(name))
    ]
    return _formatting(options)


def _formatting(options: list[Json]) -> Json:
    return {"ConditionalFormatting": {"ConditionalFormattingOptions": options}} if options else {}


def _colors(dashboard: Dashboard, measure: Measure) -> list[Json]:
    triage = measure.triage
    if triage is None:
        return []
    figure = fields.aggregated(dashboard, measure)
    good, poor = (_in_units(measure, each) for each in (triage.good, triage.poor))
    is_good, is_poor, up_to, beyond = (
        (">=", "<", "<", ">=") if triage.better == "higher" else ("<=", ">", ">", "<=")
    )
    conditions = {
        GOOD: f"{figure} {is_good} {good}",
        WATCH: f"{figure} {up_to} {good} AND {figure} {beyond} {poor}",
        POOR: f"{figure} {is_poor} {poor}",
    }
    return [
        {"Solid": {"Expression": expression, "Color": color}}
        for color, expression in conditions.items()
    ]


def _in_units(measure: Measure, limit: str) -> str:
    """A limit as the expression has it: a percent measure is a share there."""
    return f"{Decimal(limit) / 100 if measure.format == 'percent' else Decimal(limit):f}"
