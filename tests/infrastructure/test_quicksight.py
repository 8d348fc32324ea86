"""QuickSight: the same figures as the local page, read under a role of ours, shown to whom the settings name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from dashboards.authoring import load
from dashboards.model import Dashboard
from dashboards.quicksight import GRID_COLUMNS, definition
from tests.infrastructure.support import ROOT, Assembly, actions_of, flat, resources_of, sales_records

Json = dict[str, Any]
CONTRACT = sales_records()
COLUMNS = {model.name: {column.name for column in model.columns} for model in CONTRACT.curated}


@pytest.fixture(scope="module")
def dashboard() -> Dashboard:
    return load(ROOT / "datasets", CONTRACT)


@pytest.fixture(scope="module")
def content(dashboard: Dashboard) -> Json:
    return definition(dashboard, {source: f"arn:{source}" for source in dashboard.sources})


def found(node: Any, key: str) -> Iterator[Any]:
    """Every value under `key`, at any depth."""
    if isinstance(node, dict):
        for name, value in node.items():
            if name == key:
                yield value
            yield from found(value, key)
    elif isinstance(node, list):
        for item in node:
            yield from found(item, key)


def test_every_visual_of_the_description_is_drawn_once_in_its_order(dashboard: Dashboard, content: Json) -> None:
    [sheet] = content["Sheets"]
    drawn = [(kind, chart["VisualId"]) for visual in sheet["Visuals"] for kind, chart in visual.items()]
    kinds = {"line": "LineChartVisual", "bar": "BarChartVisual", "table": "TableVisual"}
    assert drawn == [
        *(("KPIVisual", f"kpi_{name}") for name in dashboard.kpis.measures),
        *((kinds[visual.kind], visual.id) for visual in dashboard.visuals),
    ]
    placed = sheet["Layouts"][0]["Configuration"]["GridLayout"]["Elements"]
    assert [element["ElementId"] for element in placed] == [visual_id for _, visual_id in drawn]
    assert all(element["ColumnSpan"] <= GRID_COLUMNS for element in placed)


def test_every_column_is_one_of_its_table_or_calculated_for_it(content: Json) -> None:
    calculated = {(field["DataSetIdentifier"], field["Name"]) for field in content["CalculatedFields"]}
    used = {(column["DataSetIdentifier"], column["ColumnName"]) for column in found(content, "Column")}
    unknown = {(source, name) for source, name in used if name not in COLUMNS[source]} - calculated
    assert used
    assert unknown == set()


def test_a_ratio_is_computed_from_sums_and_not_from_ratios_of_rows(content: Json) -> None:
    ratios = {
        field["DataSetIdentifier"]: field["Expression"]
        for field in content["CalculatedFields"]
        if field["Name"] == "ratio_margin"
    }
    assert ratios == dict.fromkeys(COLUMNS, "sum({profit}) / sum({revenue})")


def test_a_filter_acts_on_every_table_that_has_its_dimension(dashboard: Dashboard, content: Json) -> None:
    fields = {(field["DataSetIdentifier"], field["Name"]) for field in content["CalculatedFields"]}
    for name in dashboard.filters:
        tables = set(dashboard.dimension(name).columns) & set(dashboard.sources)
        assert {(table, f"filter_{name}") for table in tables} <= fields
    assert all(group["CrossDataset"] == "ALL_DATASETS" for group in content["FilterGroups"])
    controls = [control["Dropdown"]["SourceFilterId"] for control in content["Sheets"][0]["FilterControls"]]
    assert controls == [next(found(group, "FilterId")) for group in content["FilterGroups"]]


def test_bars_are_sorted_and_limited_as_described(content: Json) -> None:
    bars = {chart["VisualId"]: chart["ChartConfiguration"] for chart in found(content, "BarChartVisual")}
    worst = bars["bottom_countries"]["SortConfiguration"]
    assert worst["CategorySort"] == [{"FieldSort": {"FieldId": "bottom_countries.profit", "Direction": "ASC"}}]
    assert worst["CategoryItemsLimit"] == {"ItemsLimit": 10, "OtherCategories": "EXCLUDE"}


def test_year_over_year_is_a_line_per_year(content: Json) -> None:
    lines = {chart["VisualId"]: chart["ChartConfiguration"] for chart in found(content, "LineChartVisual")}
    wells = lines["year_over_year"]["FieldWells"]["LineChartAggregatedFieldWells"]
    assert wells["Colors"][0]["DateDimensionField"]["DateGranularity"] == "YEAR"
    assert wells["Category"][0]["NumericalDimensionField"]["Column"]["ColumnName"] == "part_month_of_year"


def test_money_in_a_table_by_year_stands_beside_its_change_since_the_year_before(content: Json) -> None:
    tables = {chart["VisualId"]: chart["ChartConfiguration"] for chart in found(content, "TableVisual")}
    wells = tables["years"]["FieldWells"]["TableAggregatedFieldWells"]
    shown = [value["NumericalMeasureField"]["Column"]["ColumnName"] for value in wells["Values"]]
    assert shown[-3:] == ["change_revenue", "change_cost", "change_profit"]
    expressions = {field["Name"]: field["Expression"] for field in content["CalculatedFields"]}
    assert expressions["change_profit"] == "periodOverPeriodPercentDifference(sum({profit}), {quarter_start}, YEAR, 1)"
    labels = [option["CustomLabel"] for option in tables["years"]["FieldOptions"]["SelectedFieldOptions"]]
    assert labels[0] == "Revenue since the year before"
    assert "FieldOptions" not in tables["countries"]


def test_it_is_not_there_unless_it_is_wanted(prod: Assembly) -> None:
    assert "QuickSight" not in prod.templates


def test_analysis_and_dashboard_show_the_same(comprehensive: Assembly, dashboard: Dashboard) -> None:
    [analysis] = comprehensive.resources("AWS::QuickSight::Analysis").values()
    [shown] = comprehensive.resources("AWS::QuickSight::Dashboard").values()
    assert analysis["Properties"]["Definition"] == shown["Properties"]["Definition"]
    declared = shown["Properties"]["Definition"]["DataSetIdentifierDeclarations"]
    assert [item["Identifier"] for item in declared] == list(dashboard.sources)


def test_money_is_kept_as_fixed_decimals(comprehensive: Assembly) -> None:
    for data_set in comprehensive.resources("AWS::QuickSight::DataSet").values():
        assert data_set["Properties"]["ImportMode"] == "SPICE"
        [table] = data_set["Properties"]["PhysicalTableMap"].values()
        types = {column["Name"]: column for column in table["RelationalTable"]["InputColumns"]}
        assert types["revenue"] == {"Name": "revenue", "Type": "DECIMAL", "SubType": "FIXED"}
        assert table["RelationalTable"]["Schema"] == "slipway_prod_curated"


def test_readers_may_look_and_authors_may_change(comprehensive: Assembly) -> None:
    shown = comprehensive.only("AWS::QuickSight::Dashboard")
    rights = {item["Principal"].rpartition("/")[2]: item["Actions"] for item in shown["Permissions"]}
    assert set(rights["board"]) == {
        f"quicksight:{action}" for action in ("DescribeDashboard", "ListDashboardVersions", "QueryDashboard")
    }
    assert "quicksight:UpdateDashboard" in rights["analysts"]
    for kind in ("DataSource", "DataSet", "Analysis"):
        for resource in comprehensive.resources(f"AWS::QuickSight::{kind}").values():
            people = {item["Principal"].rpartition("/")[2] for item in resource["Properties"]["Permissions"]}
            assert people == {"analysts"}, kind


def test_data_is_read_under_a_role_that_sees_the_shown_tables_only(comprehensive: Assembly) -> None:
    source = comprehensive.only("AWS::QuickSight::DataSource")["DataSourceParameters"]["AthenaParameters"]
    assert source["WorkGroup"] == "slipway-prod-analysts"
    assert flat(source["RoleArn"]).startswith("<ReaderRole")
    statements = comprehensive.statements_of_role("QuickSight", "ReaderRole")
    resources = {r for s in statements for r in resources_of(s)}
    assert {r.rpartition("/")[2] for r in resources if ":table/" in r} == set(COLUMNS)
    written = [r for s in statements for r in resources_of(s) if "s3:PutObject" in actions_of(s)]
    assert all("Results" in r and r.endswith("/analysts/*") for r in written)


def test_the_refresh_knows_every_spice_dataset_by_the_dataset_whose_dashboard_shows_it(
    comprehensive: Assembly, dashboard: Dashboard
) -> None:
    [machine] = comprehensive.resources("AWS::StepFunctions::StateMachine", "QuickSight").values()
    given = machine["Properties"]["DefinitionSubstitutions"]
    ids = [item["Properties"]["DataSetId"] for item in comprehensive.resources("AWS::QuickSight::DataSet").values()]
    pairs = [pair.split("=") for pair in given["SpiceDataSets"].split(",")]
    assert sorted(kept for _, kept in pairs) == sorted(ids)
    assert {dataset for dataset, _ in pairs} == {dashboard.dataset}
    shown = comprehensive.only("AWS::QuickSight::Dashboard")["DashboardId"]
    assert given["DashboardPrefix"] + dashboard.dataset.replace("_", "-") == shown  # what the message links to


def test_the_refresh_may_begin_and_look_at_ingestions_of_its_datasets_and_start_the_announcing_machine(
    comprehensive: Assembly,
) -> None:
    statements = comprehensive.statements_of_role("QuickSight", "DashboardRefreshRole")
    ours = {
        action: resources_of(statement)
        for statement in statements
        for action in actions_of(statement)
        if not action.startswith(("logs:", "xray:"))
    }
    assert set(ours) == {"quicksight:CreateIngestion", "quicksight:DescribeIngestion", "states:StartExecution"}
    [announce] = ours["states:StartExecution"]
    assert "AnnounceMachine" in announce
    ids = [item["Properties"]["DataSetId"] for item in comprehensive.resources("AWS::QuickSight::DataSet").values()]
    for action in ("quicksight:CreateIngestion", "quicksight:DescribeIngestion"):
        assert sorted(r.partition(":dataset/")[2] for r in ours[action]) == sorted(
            f"{kept}/ingestion/*" for kept in ids
        )


def test_a_run_starts_the_refresh(comprehensive: Assembly) -> None:
    machines = comprehensive.resources("AWS::StepFunctions::StateMachine", "Orchestration")
    [given] = [m["Properties"]["DefinitionSubstitutions"] for p, m in machines.items() if "/DatasetRun" in p]
    assert "DashboardRefresh" in flat(given["ServingMachineArns"])
