"""The sheet of a dashboard with a forecast: what came, what was and is expected, and the band, from the table of it.

Its rows of periods that are over have the last forecast and what came, so one line chart shows both beside each other.
Source: QuickSight API reference, SheetDefinition, LineChartAggregatedFieldWells and TableAggregatedFieldWells.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]
SHEET = "forecast"
GRID_COLUMNS, CHART_ROWS = 36, 14
LABELS = {
    "actual": "Came",
    "value": "Expected",
    "lower_80": "80 % from",
    "upper_80": "80 % to",
    "lower_95": "95 % from",
    "upper_95": "95 % to",
}
GRANULARITY = {"year": "YEAR", "quarter": "QUARTER", "month": "MONTH"}
MONEY: Json = {
    "NumberDisplayFormatConfiguration": {
        "DecimalPlacesConfiguration": {"DecimalPlaces": 2},
        "SeparatorConfiguration": {
            "ThousandsSeparator": {"Symbol": "COMMA", "Visibility": "VISIBLE"}
        },
    }
}


@dataclass(frozen=True, kw_only=True)
class ForecastShown:
    """A table of forecasts: its name, what is forecast, by which columns, and its period."""

    table: str
    of: str
    by: tuple[str, ...]
    period_column: str
    period: str

    @property
    def title(self) -> str:
        """As people read it."""
        by = f" by {', '.join(self.by)}" if self.by else ""
        return f"{self.of}{by}".replace("_", " ")


def sheet(number: int, shown: ForecastShown) -> Json:
    """One sheet for each table of forecasts; `number` tells them apart."""
    visuals = [_chart(shown), _table(shown)]
    elements = [
        {
            "ElementId": visual_id,
            "ElementType": "VISUAL",
            "ColumnSpan": GRID_COLUMNS,
            "RowSpan": CHART_ROWS,
        }
        for visual_id in (_id(shown, "band"), _id(shown, "series"))
    ]
    return {
        "SheetId": f"{SHEET}-{number}",
        "Name": f"Forecast of {shown.title}",
        "ContentType": "INTERACTIVE",
        "Visuals": visuals,
        "Layouts": [{"Configuration": {"GridLayout": {"Elements": elements}}}],
    }


def _chart(shown: ForecastShown) -> Json:
    """Sums over all series; so the band is its widest case, as on the page."""
    visual_id = _id(shown, "band")
    return {
        "LineChartVisual": {
            **_heading(visual_id, f"Forecast of {shown.title}, its band, and what came"),
            "ChartConfiguration": {
                "FieldWells": {
                    "LineChartAggregatedFieldWells": {
                        "Category": [_period(shown, visual_id)],
                        "Values": [_sum(shown, visual_id, name) for name in LABELS],
                    }
                },
                "SortConfiguration": {"CategorySort": [_by_period(shown, visual_id, "ASC")]},
                "Type": "LINE",
            },
        }
    }


def _table(shown: ForecastShown) -> Json:
    visual_id = _id(shown, "series")
    series = [
        {
            "CategoricalDimensionField": {
                "FieldId": f"{visual_id}.{name}",
                "Column": _column(shown, name),
            }
        }
        for name in (*shown.by, "method")
    ]
    labels = [
        {"FieldId": f"{visual_id}.{name}", "CustomLabel": label} for name, label in LABELS.items()
    ]
    return {
        "TableVisual": {
            **_heading(visual_id, "Each series: last forecast and what came, and the next periods"),
            "ChartConfiguration": {
                "FieldWells": {
                    "TableAggregatedFieldWells": {
                        "GroupBy": [_period(shown, visual_id), *series],
                        "Values": [_sum(shown, visual_id, name) for name in LABELS],
                    }
                },
                "FieldOptions": {"SelectedFieldOptions": labels},
                "SortConfiguration": {"RowSort": [_by_period(shown, visual_id, "DESC")]},
            },
        }
    }


def _id(shown: ForecastShown, part: str) -> str:
    return f"{shown.table.replace('_', '-')}-{part}"


def _heading(visual_id: str, title: str) -> Json:
    text = {"Visibility": "VISIBLE", "FormatText": {"PlainText": title}}
    return {"VisualId": visual_id, "Title": text}


def _column(shown: ForecastShown, name: str) -> Json:
    return {"DataSetIdentifier": shown.table, "ColumnName": name}


def _period(shown: ForecastShown, visual_id: str) -> Json:
    return {
        "DateDimensionField": {
            "FieldId": f"{visual_id}.{shown.period_column}",
            "Column": _column(shown, shown.period_column),
            "DateGranularity": GRANULARITY[shown.period],
        }
    }


def _by_period(shown: ForecastShown, visual_id: str, direction: str) -> Json:
    field = f"{visual_id}.{shown.period_column}"
    return {"FieldSort": {"FieldId": field, "Direction": direction}}


def _sum(shown: ForecastShown, visual_id: str, name: str) -> Json:
    return {
        "NumericalMeasureField": {
            "FieldId": f"{visual_id}.{name}",
            "Column": _column(shown, name),
            "AggregationFunction": {"SimpleNumericalAggregation": "SUM"},
            "FormatConfiguration": {"FormatConfiguration": MONEY},
        }
    }
