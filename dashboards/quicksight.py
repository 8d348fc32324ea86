"""A dashboard description as QuickSight's definition: JSON as AWS::QuickSight::Dashboard and Analysis take it.

One sheet: key figures, then every visual in the order of the description, then filters that act on all tables.
Source: QuickSight API reference, DashboardVersionDefinition.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, assert_never

from dashboards import quicksight_fields as fields
from dashboards import quicksight_triage as triage
from dashboards.model import Bar, Dashboard, Dimension, Line, Measure, Table, Visual
from dashboards.quicksight_forecast import ForecastShown, sheet

Json = dict[str, Any]

SHEET = "overview"
GRID_COLUMNS = 36  # QuickSight's grid is always this wide
KPI_ROWS, VISUAL_ROWS = 5, 12
GRANULARITY = {"year": "YEAR", "quarter": "QUARTER", "month": "MONTH"}
VISIBLE = {"Visibility": "VISIBLE"}
PERCENT: Json = {
    "PercentageDisplayFormatConfiguration": {"DecimalPlacesConfiguration": {"DecimalPlaces": 1}}
}


def definition(
    dashboard: Dashboard, datasets: Mapping[str, str], forecasts: Sequence[ForecastShown] = ()
) -> Json:
    """The definition; `datasets` gives the ARN of the QuickSight dataset of each table that is shown.

    Each of `forecasts` has a sheet of its own, which no filter acts on.
    """
    visuals = [*_kpis(dashboard), *(_visual(dashboard, visual) for visual in dashboard.visuals)]
    return {
        "DataSetIdentifierDeclarations": [
            {"Identifier": source, "DataSetArn": datasets[source]}
            for source in (*dashboard.sources, *(each.table for each in forecasts))
        ],
        "CalculatedFields": list(fields.calculated(dashboard)),
        "FilterGroups": [
            _filter_group(dashboard.dimension(name), dashboard) for name in dashboard.filters
        ],
        "Sheets": [
            {
                "SheetId": SHEET,
                "Name": dashboard.title,
                "ContentType": "INTERACTIVE",
                "Visuals": visuals,
                "FilterControls": [
                    _control(dashboard.dimension(name)) for name in dashboard.filters
                ],
                "Layouts": [
                    _layout(len(dashboard.kpis.measures), [_id_of(visual) for visual in visuals])
                ],
            },
            *(sheet(number, each) for number, each in enumerate(forecasts)),
        ],
    }


def _kpis(dashboard: Dashboard) -> Iterator[Json]:
    for name in dashboard.kpis.measures:
        visual_id, measure = f"kpi_{name}", dashboard.measure(name)
        chart, label = _kpi(dashboard, measure, visual_id)
        yield {
            "KPIVisual": {
                "VisualId": visual_id,
                "Title": _title(label),
                "ChartConfiguration": chart,
                **triage.of_key_figure(dashboard, measure),
            }
        }


def _kpi(dashboard: Dashboard, measure: Measure, visual_id: str) -> tuple[Json, str]:
    """A key figure and its title: a total, or the newest period beside the one before.

    A trend group makes a KPI show its newest value and compare it with the one before, whether the newest period is
    over or not. Source: QuickSight user guide, "Using KPIs"; API reference, KPIFieldWells and KPIOptions.
    """
    kpis = dashboard.kpis
    wells: Json = {"Values": [_value(measure, kpis.source, visual_id)]}
    if kpis.against == "year_before":
        return {"FieldWells": wells}, measure.label
    period = dashboard.dimension(kpis.period)
    group = _group(period, kpis.source, visual_id)
    wells["TrendGroups"] = [group]
    newest = {"FieldId": _field_id(visual_id, period.name), "Direction": "DESC"}
    is_share = measure.format == "percent"  # its change is one of points, not of percent
    chart: Json = {
        "FieldWells": wells,
        "SortConfiguration": {"TrendGroupSort": [{"FieldSort": newest}]},
        "KPIOptions": {
            "Comparison": {
                "ComparisonMethod": "DIFFERENCE" if is_share else "PERCENT_DIFFERENCE",
                "ComparisonFormat": PERCENT,
            },
            "PrimaryValueDisplayType": "ACTUAL",
            "TrendArrows": VISIBLE,
        },
    }
    return chart, f"{measure.label}, newest {period.part} against the one before"


def _visual(dashboard: Dashboard, visual: Visual) -> Json:
    match visual:
        case Line():
            name, chart = "LineChartVisual", _line(dashboard, visual)
        case Bar():
            name, chart = "BarChartVisual", _bar(dashboard, visual)
        case Table():
            name, chart = "TableVisual", _table(dashboard, visual)
        case _:
            assert_never(visual)
    colors = triage.of_table(dashboard, _fields_of(visual)) if isinstance(visual, Table) else {}
    return {name: {**_heading(visual), "ChartConfiguration": chart, **colors}}


def _fields_of(visual: Table) -> dict[str, str]:
    return {name: _field_id(visual.id, name) for name in visual.measures}


def _heading(visual: Visual) -> Json:
    return {"VisualId": visual.id, "Title": _title(visual.title)}


def _title(text: str) -> Json:
    return {**VISIBLE, "FormatText": {"PlainText": text}}


def _line(dashboard: Dashboard, visual: Line) -> Json:
    wells = {
        "Category": [_group(dashboard.dimension(visual.x), visual.source, visual.id)],
        "Values": _values(dashboard, visual),
    }
    x = {"FieldId": _field_id(visual.id, visual.x), "Direction": "ASC"}
    sort: Json = {"CategorySort": [{"FieldSort": x}]}
    if visual.series:
        wells["Colors"] = [_group(dashboard.dimension(visual.series), visual.source, visual.id)]
        if visual.limit:
            sort["ColorItemsLimitConfiguration"] = {
                "ItemsLimit": visual.limit,
                "OtherCategories": "EXCLUDE",
            }
    return {
        "FieldWells": {"LineChartAggregatedFieldWells": wells},
        "SortConfiguration": sort,
        "Type": "LINE",
    }


def _bar(dashboard: Dashboard, visual: Bar) -> Json:
    first, *beside = _values(dashboard, visual)
    wells = {
        "Category": [_group(dashboard.dimension(visual.category), visual.source, visual.id)],
        "Values": [first],
    }
    sort: Json = {"CategorySort": [_sorted_by(visual)]}
    if visual.limit:
        sort["CategoryItemsLimit"] = {"ItemsLimit": visual.limit, "OtherCategories": "EXCLUDE"}
    return {
        "FieldWells": {"BarChartAggregatedFieldWells": wells},
        "SortConfiguration": sort,
        "Orientation": "HORIZONTAL",
        "DataLabels": VISIBLE,
        "Tooltip": _tooltip(dashboard, visual, first, beside),
    }


def _tooltip(dashboard: Dashboard, visual: Bar, first: Json, beside: list[Json]) -> Json:
    """The figures beside the bar: the measure it shows, then the others, which have no place in the field wells."""
    items: list[Json] = [
        {"FieldTooltipItem": {"FieldId": first["NumericalMeasureField"]["FieldId"], **VISIBLE}}
    ]
    for name, value in zip(visual.measures[1:], beside, strict=True):
        known = value["NumericalMeasureField"]
        aggregation = (
            {"Aggregation": {"NumericalAggregationFunction": known["AggregationFunction"]}}
            if ("AggregationFunction" in known)
            else {}
        )
        item = {
            "Column": known["Column"],
            "Label": dashboard.measure(name).label,
            **aggregation,
            **VISIBLE,
        }
        items.append({"ColumnTooltipItem": item})
    return {
        "TooltipVisibility": "VISIBLE",
        "SelectedTooltipType": "DETAILED",
        "FieldBasedTooltip": {"TooltipTitleType": "PRIMARY_VALUE", "TooltipFields": items},
    }


def _table(dashboard: Dashboard, visual: Table) -> Json:
    groups = [
        _group(dashboard.dimension(name), visual.source, visual.id) for name in visual.dimensions
    ]
    by_year = visual in [table for table, _ in fields.tables_by_year(dashboard)]
    compared = fields.comparable(dashboard, visual) if by_year else []
    changes = [_changed(visual, name) for name in compared]
    wells = {"GroupBy": groups, "Values": [*_values(dashboard, visual), *changes]}
    labels = [
        {
            "FieldId": _field_id(visual.id, fields.change(name)),
            "CustomLabel": f"{dashboard.measure(name).label} since the year before",
        }
        for name in compared
    ]
    return {
        "FieldWells": {"TableAggregatedFieldWells": wells},
        **({"FieldOptions": {"SelectedFieldOptions": labels}} if labels else {}),
        "SortConfiguration": {"RowSort": [_sorted_by(visual)]},
        "TotalOptions": {"TotalsVisibility": "VISIBLE", "Placement": "END"},
    }


def _changed(visual: Table, measure: str) -> Json:
    field: Json = {
        "FieldId": _field_id(visual.id, fields.change(measure)),
        "Column": {"DataSetIdentifier": visual.source, "ColumnName": fields.change(measure)},
        "FormatConfiguration": {"FormatConfiguration": PERCENT},
    }
    return {"NumericalMeasureField": field}


def _sorted_by(visual: Bar | Table) -> Json:
    direction = "DESC" if visual.sort.descending else "ASC"
    return {"FieldSort": {"FieldId": _field_id(visual.id, visual.sort.by), "Direction": direction}}


def _values(dashboard: Dashboard, visual: Visual) -> list[Json]:
    return [_value(dashboard.measure(name), visual.source, visual.id) for name in visual.measures]


def _value(measure: Measure, source: str, visual_id: str) -> Json:
    column = fields.ratio(measure) if measure.is_ratio else measure.column
    field: Json = {
        "FieldId": _field_id(visual_id, measure.name),
        "Column": {"DataSetIdentifier": source, "ColumnName": column},
        "FormatConfiguration": {"FormatConfiguration": _number_format(measure)},
    }
    if measure.aggregation:
        field["AggregationFunction"] = {"SimpleNumericalAggregation": measure.aggregation.upper()}
    return {"NumericalMeasureField": field}


def _number_format(measure: Measure) -> Json:
    if measure.format == "percent":
        return PERCENT
    return {
        "NumberDisplayFormatConfiguration": {
            "DecimalPlacesConfiguration": {
                "DecimalPlaces": 0 if measure.format == "integer" else 2
            },
            "SeparatorConfiguration": {"ThousandsSeparator": {"Symbol": "COMMA", **VISIBLE}},
        }
    }


def _group(dimension: Dimension, source: str, visual_id: str) -> Json:
    field: Json = {"FieldId": _field_id(visual_id, dimension.name)}
    if dimension.part == "month_of_year":
        column = {"DataSetIdentifier": source, "ColumnName": fields.part(dimension)}
        return {"NumericalDimensionField": {**field, "Column": column}}
    field["Column"] = {"DataSetIdentifier": source, "ColumnName": dimension.columns[source]}
    if dimension.part:
        return {"DateDimensionField": {**field, "DateGranularity": GRANULARITY[dimension.part]}}
    return {"CategoricalDimensionField": field}


def _field_id(visual_id: str, name: str) -> str:
    return f"{visual_id}.{name}"


def _filter_group(dimension: Dimension, dashboard: Dashboard) -> Json:
    shown = next(source for source in dashboard.sources if source in dimension.columns)
    return {
        "FilterGroupId": f"group_{dimension.name}",
        "CrossDataset": "ALL_DATASETS",
        "Status": "ENABLED",
        "Filters": [
            {
                "CategoryFilter": {
                    "FilterId": fields.filtered(dimension),
                    "Column": {
                        "DataSetIdentifier": shown,
                        "ColumnName": fields.filtered(dimension),
                    },
                    "Configuration": {
                        "FilterListConfiguration": {
                            "MatchOperator": "CONTAINS",
                            "SelectAllOptions": "FILTER_ALL_VALUES",
                        }
                    },
                }
            }
        ],
        "ScopeConfiguration": {
            "SelectedSheets": {
                "SheetVisualScopingConfigurations": [{"SheetId": SHEET, "Scope": "ALL_VISUALS"}]
            }
        },
    }


def _control(dimension: Dimension) -> Json:
    return {
        "Dropdown": {
            "FilterControlId": f"control_{dimension.name}",
            "Title": dimension.label,
            "SourceFilterId": fields.filtered(dimension),
            "Type": "MULTI_SELECT",
        }
    }


def _layout(kpis: int, visual_ids: list[str]) -> Json:
    """Key figures in one row, everything else in two columns."""
    spans = [(GRID_COLUMNS // kpis, KPI_ROWS)] * kpis + [(GRID_COLUMNS // 2, VISUAL_ROWS)] * (
        len(visual_ids) - kpis
    )
    elements = [
        {"ElementId": name, "ElementType": "VISUAL", "ColumnSpan": columns, "RowSpan": rows}
        for name, (columns, rows) in zip(visual_ids, spans, strict=True)
    ]
    return {"Configuration": {"GridLayout": {"Elements": elements}}}


def _id_of(visual: Json) -> str:
    [chart] = visual.values()
    return str(chart["VisualId"])
