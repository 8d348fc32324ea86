"""QuickSight: the same figures as the local page, read under a role of ours, shown to whom the settings name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import aws_cdk as cdk
import botocore.session
import botocore.validate
import pytest
from cdk_nag import AwsSolutionsChecks

from contracts import naming
from contracts.marts import as_curated
from dashboards import quicksight_triage
from dashboards.authoring import load
from dashboards.model import Dashboard
from dashboards.quicksight import GRID_COLUMNS, definition
from dashboards.quicksight_forecast import ForecastShown
from rows import table_definitions
from stacks.alerts import AlertsStack
from stacks.application import current_contracts, current_marts, dashboards_of
from stacks.quicksight import QuickSightStack
from stacks.storage import StorageStack
from tests.infrastructure.support import (
    COMPREHENSIVE,
    ROOT,
    Assembly,
    actions_of,
    blueprint,
    flat,
    new_app,
    resources_of,
    sales_records,
)

Json = dict[str, Any]
CONTRACT = sales_records()
COLUMNS = {model.name: {column.name for column in model.columns} for model in CONTRACT.curated}
MART = "superstore_cohorts"
CONTRACTS = current_contracts(ROOT)
MARTS = current_marts(ROOT, CONTRACTS)
DESCRIBED = dashboards_of(ROOT, CONTRACTS, MARTS.values())
TABLES = {
    described.dataset: (
        (as_curated(MARTS[described.dataset]),)
        if described.dataset in MARTS
        else next(c for c in CONTRACTS if c.dataset == described.dataset).curated
    )
    for described in DESCRIBED
}
FORECASTS = {
    contract.dataset: {
        naming.forecast_table(model.name): table_definitions.forecast(model, "prod", None)
        for model in contract.forecast_models
    }
    for contract in CONTRACTS
}
FORECAST = "sales_by_month_item_forecast"


def sources_of(described: Dashboard) -> list[str]:
    """Every table that a dashboard shows, with the forecasts of its dataset."""
    return [*described.sources, *FORECASTS.get(described.dataset, {})]


EVERY_DASHBOARD = pytest.mark.parametrize(
    "described", DESCRIBED, ids=lambda described: described.dataset
)


@pytest.fixture(scope="module")
def dashboard() -> Dashboard:
    return load(ROOT / "datasets", CONTRACT)


def content_of(described: Dashboard) -> Json:
    return definition(described, {source: f"arn:{source}" for source in described.sources})


@pytest.fixture(scope="module")
def content(dashboard: Dashboard) -> Json:
    return content_of(dashboard)


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


def test_every_dataset_of_the_repository_has_a_dashboard() -> None:
    assert [described.dataset for described in DESCRIBED] == [
        *(contract.dataset for contract in CONTRACTS),
        *(mart.name for mart in MARTS.values() if mart.dashboard),
    ]


@EVERY_DASHBOARD
def test_every_visual_of_the_description_is_drawn_once_in_its_order(described: Dashboard) -> None:
    dashboard, content = described, content_of(described)
    [sheet] = content["Sheets"]
    drawn = [
        (kind, chart["VisualId"]) for visual in sheet["Visuals"] for kind, chart in visual.items()
    ]
    kinds = {"line": "LineChartVisual", "bar": "BarChartVisual", "table": "TableVisual"}
    assert drawn == [
        *(("KPIVisual", f"kpi_{name}") for name in dashboard.kpis.measures),
        *((kinds[visual.kind], visual.id) for visual in dashboard.visuals),
    ]
    placed = sheet["Layouts"][0]["Configuration"]["GridLayout"]["Elements"]
    assert [element["ElementId"] for element in placed] == [visual_id for _, visual_id in drawn]
    assert all(element["ColumnSpan"] <= GRID_COLUMNS for element in placed)


@EVERY_DASHBOARD
def test_every_column_is_one_of_its_table_or_calculated_for_it(described: Dashboard) -> None:
    content = content_of(described)
    tables = TABLES[described.dataset]
    columns = {model.name: {column.name for column in model.columns} for model in tables}
    calculated = {
        (field["DataSetIdentifier"], field["Name"]) for field in content["CalculatedFields"]
    }
    used = {
        (column["DataSetIdentifier"], column["ColumnName"]) for column in found(content, "Column")
    }
    unknown = {(source, name) for source, name in used if name not in columns[source]} - calculated
    assert used
    assert unknown == set()


def test_a_ratio_is_computed_from_sums_and_not_from_ratios_of_rows(content: Json) -> None:
    ratios = {
        field["DataSetIdentifier"]: field["Expression"]
        for field in content["CalculatedFields"]
        if field["Name"] == "ratio_margin"
    }
    assert ratios == dict.fromkeys(COLUMNS, "sum({profit}) / sum({revenue})")


@EVERY_DASHBOARD
def test_a_filter_acts_on_every_table_that_has_its_dimension(described: Dashboard) -> None:
    dashboard, content = described, content_of(described)
    fields = {(field["DataSetIdentifier"], field["Name"]) for field in content["CalculatedFields"]}
    for name in dashboard.filters:
        tables = set(dashboard.dimension(name).columns) & set(dashboard.sources)
        assert {(table, f"filter_{name}") for table in tables} <= fields
    assert all(group["CrossDataset"] == "ALL_DATASETS" for group in content["FilterGroups"])
    controls = [
        control["Dropdown"]["SourceFilterId"] for control in content["Sheets"][0]["FilterControls"]
    ]
    assert controls == [next(found(group, "FilterId")) for group in content["FilterGroups"]]


@EVERY_DASHBOARD
def test_figures_have_the_decimals_that_the_description_promises(described: Dashboard) -> None:
    """docs/dashboards.md: money and decimals two, percent one, integers none, as on the local page."""
    expected = {"money": 2, "decimal": 2, "percent": 1, "integer": 0}
    shown = [
        value for value in found(content_of(described), "NumericalMeasureField") if value["FieldId"]
    ]
    measured = {measure.name: measure.format for measure in described.measures}
    for value in shown:
        [places] = found(value["FormatConfiguration"], "DecimalPlaces")
        name = value["FieldId"].partition(".")[2]
        assert places == expected[measured.get(name, "percent")], value[
            "FieldId"
        ]  # a change since a year before
    assert {measured[v["FieldId"].partition(".")[2]] for v in shown if v["FieldId"].partition(".")[2] in measured} > {
        "money", "integer",
    }  # fmt: skip


@EVERY_DASHBOARD
def test_a_definition_is_one_that_quicksights_api_takes(described: Dashboard) -> None:
    """botocore's model of DashboardVersionDefinition: names, types, required members, lengths and choices."""
    model = botocore.session.get_session().get_service_model("quicksight")
    shape = model.shape_for("DashboardVersionDefinition")
    report = botocore.validate.ParamValidator().validate(content_of(described), shape)
    assert not report.has_errors(), report.generate_report()
    assert list(unknown_choices(content_of(described), shape)) == []


SHOWN = ForecastShown(
    table=FORECAST, of="revenue", by=("item_type",), period_column="month_start", period="month"
)


def forecast_sheet(dashboard: Dashboard) -> Json:
    arns = {source: f"arn:{source}" for source in (*dashboard.sources, FORECAST)}
    written = definition(dashboard, arns, [SHOWN])
    model = botocore.session.get_session().get_service_model("quicksight")
    shape = model.shape_for("DashboardVersionDefinition")
    report = botocore.validate.ParamValidator().validate(written, shape)
    assert not report.has_errors(), report.generate_report()
    assert list(unknown_choices(written, shape)) == []
    overview, forecast = written["Sheets"]
    assert overview == content_of(dashboard)["Sheets"][0]
    return dict(forecast)


def test_a_forecast_has_a_sheet_with_what_came_what_is_expected_and_the_band(
    dashboard: Dashboard,
) -> None:
    """From columns that its table has, each in one dataset, and with a place for each visual."""
    sheet = forecast_sheet(dashboard)
    (columns,) = ({c.name for c in t.columns} for t in FORECASTS["sales_records"].values())
    for column in found(sheet, "Column"):
        assert column["DataSetIdentifier"] == FORECAST
        assert column["ColumnName"] in columns
    (chart,) = found(sheet, "LineChartAggregatedFieldWells")
    assert [
        each["Column"]["ColumnName"] for each in found(chart["Values"], "NumericalMeasureField")
    ] == [
        *("actual", "value", "lower_80", "upper_80", "lower_95", "upper_95"),
    ]
    fields = list(found(sheet["Visuals"], "FieldId"))
    wells = [
        f
        for w in ("Category", "Values", "GroupBy")
        for v in found(sheet, w)
        for f in found(v, "FieldId")
    ]
    assert len(wells) == len(set(wells))
    assert set(fields) == set(wells)  # what is sorted or labelled is a field of its visual
    visual_ids = list(found(sheet["Visuals"], "VisualId"))
    assert list(found(sheet["Layouts"], "ElementId")) == visual_ids


def test_no_filter_of_the_overview_acts_on_a_forecast(dashboard: Dashboard) -> None:
    arns = {source: f"arn:{source}" for source in (*dashboard.sources, FORECAST)}
    scopes = found(definition(dashboard, arns, [SHOWN])["FilterGroups"], "SheetId")
    assert set(scopes) == {"overview"}


def unknown_choices(value: Any, shape: Any) -> Iterator[str]:
    """Texts that are none of those that the model lists."""
    if shape.type_name == "structure":
        for name, member in value.items():
            yield from unknown_choices(member, shape.members[name])
    elif shape.type_name == "list":
        for item in value:
            yield from unknown_choices(item, shape.member)
    elif shape.type_name == "string" and shape.enum and value not in shape.enum:
        yield f"{shape.name}: {value}"


@pytest.fixture(scope="module")
def of_repository(tmp_path_factory: pytest.TempPathFactory) -> Assembly:
    """QuickSight with the dashboards of all datasets of the repository, checked by cdk-nag, and what it builds on."""
    outdir = tmp_path_factory.mktemp("dashboards")
    app, plan = new_app(outdir), blueprint(settings_folder=COMPREHENSIVE)
    storage = StorageStack(app, blueprint=plan)
    alerts = AlertsStack(app, blueprint=plan, storage=storage)
    QuickSightStack(app, blueprint=plan, storage=storage, alerts=alerts, dashboards=DESCRIBED)
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    app.synth()
    return Assembly(outdir)


def test_every_dashboard_of_the_repository_is_synthesized_with_its_tables(
    of_repository: Assembly,
) -> None:
    for kind in ("Dashboard", "Analysis"):
        ids = {
            r["Properties"][f"{kind}Id"]
            for r in of_repository.resources(f"AWS::QuickSight::{kind}").values()
        }
        assert ids == {
            f"slipway-prod-{described.dataset.replace('_', '-')}" for described in DESCRIBED
        }
    tables = {s.replace("_", "-") for described in DESCRIBED for s in sources_of(described)}
    data_sets = [
        r["Properties"] for r in of_repository.resources("AWS::QuickSight::DataSet").values()
    ]
    assert {data_set["DataSetId"] for data_set in data_sets} == {
        f"slipway-prod-{table}" for table in tables
    }
    [machine] = of_repository.resources("AWS::StepFunctions::StateMachine", "QuickSight").values()
    pairs = machine["Properties"]["DefinitionSubstitutions"]["SpiceDataSets"].split(",")
    assert sorted(pairs) == sorted(
        f"{described.dataset}=slipway-prod-{source.replace('_', '-')}"
        for described in DESCRIBED
        for source in sources_of(described)
    )


def test_every_column_of_a_shown_table_has_the_type_of_its_contract(
    of_repository: Assembly,
) -> None:
    kinds = {
        "string": "STRING",
        "int": "INTEGER",
        "bigint": "INTEGER",
        "boolean": "BOOLEAN",
        "date": "DATETIME",
    }
    columns = {c.name: c for tables in TABLES.values() for m in tables for c in m.columns}
    forecast = {
        name: {column.name: column.type for column in table.columns}
        for tables in FORECASTS.values()
        for name, table in tables.items()
    }
    for data_set in of_repository.resources("AWS::QuickSight::DataSet").values():
        [table] = data_set["Properties"]["PhysicalTableMap"].values()
        if stored := forecast.get(table["RelationalTable"]["Name"]):
            types = {c["Name"]: c["Type"] for c in table["RelationalTable"]["InputColumns"]}
            assert types == {
                name: "DECIMAL" if kind.startswith("decimal(") else kinds[kind]
                for name, kind in stored.items()
            }
            continue
        for column in table["RelationalTable"]["InputColumns"]:
            known = columns[column["Name"]]
            assert column["Type"] == (
                "DECIMAL" if known.precision_and_scale else kinds[known.type]
            ), column


def test_bars_are_sorted_and_limited_as_described(content: Json) -> None:
    bars = {
        chart["VisualId"]: chart["ChartConfiguration"] for chart in found(content, "BarChartVisual")
    }
    worst = bars["bottom_countries"]["SortConfiguration"]
    assert worst["CategorySort"] == [
        {"FieldSort": {"FieldId": "bottom_countries.profit", "Direction": "ASC"}}
    ]
    assert worst["CategoryItemsLimit"] == {"ItemsLimit": 10, "OtherCategories": "EXCLUDE"}


def test_year_over_year_is_a_line_per_year(content: Json) -> None:
    lines = {
        chart["VisualId"]: chart["ChartConfiguration"]
        for chart in found(content, "LineChartVisual")
    }
    wells = lines["year_over_year"]["FieldWells"]["LineChartAggregatedFieldWells"]
    assert wells["Colors"][0]["DateDimensionField"]["DateGranularity"] == "YEAR"
    assert (
        wells["Category"][0]["NumericalDimensionField"]["Column"]["ColumnName"]
        == "part_month_of_year"
    )


def test_money_in_a_table_by_year_stands_beside_its_change_since_the_year_before(
    content: Json,
) -> None:
    tables = {
        chart["VisualId"]: chart["ChartConfiguration"] for chart in found(content, "TableVisual")
    }
    wells = tables["years"]["FieldWells"]["TableAggregatedFieldWells"]
    shown = [value["NumericalMeasureField"]["Column"]["ColumnName"] for value in wells["Values"]]
    assert shown[-3:] == ["change_revenue", "change_cost", "change_profit"]
    expressions = {field["Name"]: field["Expression"] for field in content["CalculatedFields"]}
    assert (
        expressions["change_profit"]
        == "periodOverPeriodPercentDifference(sum({profit}), {quarter_start}, YEAR, 1)"
    )
    labels = [
        option["CustomLabel"] for option in tables["years"]["FieldOptions"]["SelectedFieldOptions"]
    ]
    assert labels[0] == "Revenue since the year before"
    assert "FieldOptions" not in tables["countries"]


def test_a_key_figure_beside_the_period_before_has_a_trend_and_says_so() -> None:
    described = next(each for each in DESCRIBED if each.kpis.against == "period_before")
    figures = {chart["VisualId"]: chart for chart in found(content_of(described), "KPIVisual")}
    sales, margin = figures["kpi_sales"], figures["kpi_margin"]
    assert sales["Title"]["FormatText"]["PlainText"] == "Sales, newest month against the one before"
    [trend] = sales["ChartConfiguration"]["FieldWells"]["TrendGroups"]
    assert trend["DateDimensionField"]["DateGranularity"] == "MONTH"
    [order] = found(sales["ChartConfiguration"], "TrendGroupSort")
    assert order == [{"FieldSort": {"FieldId": "kpi_sales.month", "Direction": "DESC"}}]
    methods = [next(found(each, "ComparisonMethod")) for each in (sales, margin)]
    assert methods == ["PERCENT_DIFFERENCE", "DIFFERENCE"]  # of a share: points


def test_a_key_figure_beside_the_year_before_stays_a_total(content: Json) -> None:
    for chart in found(content, "KPIVisual"):
        assert set(chart["ChartConfiguration"]) == {"FieldWells"}
        assert set(chart["ChartConfiguration"]["FieldWells"]) == {"Values"}


def test_good_and_poor_figures_are_coloured_by_conditions_that_exclude_each_other() -> None:
    described = next(each for each in DESCRIBED if each.dataset == "superstore")
    content = content_of(described)
    [margin] = [c for c in found(content, "KPIVisual") if c["VisualId"] == "kpi_margin"]
    options = margin["ConditionalFormatting"]["ConditionalFormattingOptions"]
    share = "sum({profit}) / nullIf(sum({sales}), 0)"
    assert [next(found(option["PrimaryValue"], "Solid")) for option in options] == [
        {"Expression": f"{share} >= 0.1", "Color": "#17714A"},
        {"Expression": f"{share} < 0.1 AND {share} >= 0", "Color": "#8A5A00"},
        {"Expression": f"{share} < 0", "Color": "#B3261E"},
    ]
    [years] = [chart for chart in found(content, "TableVisual") if chart["VisualId"] == "years"]
    cells = years["ConditionalFormatting"]["ConditionalFormattingOptions"]
    assert {cell["Cell"]["FieldId"] for cell in cells} == {"years.margin"}
    share = "sum({loss_lines}) / nullIf(sum({order_lines}), 0)"
    loss = quicksight_triage.of_key_figure(described, described.measure("loss_share"))
    assert list(found(loss, "Expression")) == [
        f"{share} <= 0.1",
        f"{share} > 0.1 AND {share} <= 0.25",
        f"{share} > 0.25",
    ]
    [sales] = [c for c in found(content, "KPIVisual") if c["VisualId"] == "kpi_sales"]
    assert "ConditionalFormatting" not in sales


def test_it_is_not_there_unless_it_is_wanted(prod: Assembly) -> None:
    assert "QuickSight" not in prod.templates


def test_analysis_and_dashboard_show_the_same(
    comprehensive: Assembly, dashboard: Dashboard
) -> None:
    definitions = {
        kind: {
            resource["Properties"][f"{kind}Id"]: resource["Properties"]["Definition"]
            for resource in comprehensive.resources(f"AWS::QuickSight::{kind}").values()
        }
        for kind in ("Analysis", "Dashboard")
    }
    assert definitions["Analysis"] == definitions["Dashboard"]
    shown = definitions["Dashboard"]["slipway-prod-sales-records"]
    declared = shown["DataSetIdentifierDeclarations"]
    assert [item["Identifier"] for item in declared] == [*dashboard.sources, FORECAST]
    assert [sheet["SheetId"] for sheet in shown["Sheets"]] == ["overview", "forecast-0"]


def test_money_is_kept_as_fixed_decimals(comprehensive: Assembly) -> None:
    for data_set in comprehensive.resources("AWS::QuickSight::DataSet").values():
        assert data_set["Properties"]["ImportMode"] == "SPICE"
        [table] = data_set["Properties"]["PhysicalTableMap"].values()
        types = {column["Name"]: column for column in table["RelationalTable"]["InputColumns"]}
        money = {MART: "sales", FORECAST: "actual"}.get(table["RelationalTable"]["Name"], "revenue")
        assert types[money] == {"Name": money, "Type": "DECIMAL", "SubType": "FIXED"}
        assert table["RelationalTable"]["Schema"] == "slipway_prod_curated"


def test_a_deployment_does_not_wait_for_tables_that_only_a_run_makes(
    comprehensive: Assembly,
) -> None:
    """Without tables the first ingestion fails, and by default CloudFormation fails with it."""
    for data_set in comprehensive.resources("AWS::QuickSight::DataSet").values():
        assert data_set["Properties"]["IngestionWaitPolicy"] == {"WaitForSpiceIngestion": False}


def test_what_quicksight_names_is_deployed_before_it(comprehensive: Assembly) -> None:
    manifest = json.loads((comprehensive.folder / "manifest.json").read_text(encoding="utf-8"))
    waits = manifest["artifacts"]["Slipway-Prod-QuickSight"]["dependencies"]
    assert {"Slipway-Prod-Analytics", "Slipway-Prod-Processing"} <= set(waits)


def test_an_author_may_choose_tables_in_the_console_and_reads_no_other(
    comprehensive: Assembly,
) -> None:
    allowed = {
        action: resources_of(statement)
        for statement in comprehensive.statements_of_role("QuickSight", "ReaderRole")
        for action in actions_of(statement)
    }
    for action in (
        "GetDataCatalog",
        "ListDatabases",
        "GetDatabase",
        "ListTableMetadata",
        "GetTableMetadata",
    ):
        assert [arn.rpartition(":")[2] for arn in allowed[f"athena:{action}"]] == [
            "datacatalog/AwsDataCatalog"
        ]
    assert allowed["athena:ListDataCatalogs"] == ["*"]
    for action in ("GetDatabases", "GetTables", "GetPartitions"):
        tables = {arn.rpartition("/")[2] for arn in allowed[f"glue:{action}"] if ":table/" in arn}
        assert tables == {*COLUMNS, MART, FORECAST}


def test_refreshes_are_as_many_as_the_settings_allow(comprehensive: Assembly) -> None:
    [machine] = comprehensive.resources("AWS::StepFunctions::StateMachine", "QuickSight").values()
    assert machine["Properties"]["DefinitionSubstitutions"]["RefreshSeconds"] == "3600"


def test_readers_may_look_and_authors_may_change(comprehensive: Assembly) -> None:
    shown, *_ = comprehensive.resources("AWS::QuickSight::Dashboard").values()
    rights = {
        item["Principal"].rpartition("/")[2]: item["Actions"]
        for item in shown["Properties"]["Permissions"]
    }
    assert set(rights["board"]) == {
        f"quicksight:{action}"
        for action in ("DescribeDashboard", "ListDashboardVersions", "QueryDashboard")
    }
    assert "quicksight:UpdateDashboard" in rights["analysts"]
    for kind in ("DataSource", "DataSet", "Analysis"):
        for resource in comprehensive.resources(f"AWS::QuickSight::{kind}").values():
            people = {
                item["Principal"].rpartition("/")[2]
                for item in resource["Properties"]["Permissions"]
            }
            assert people == {"analysts"}, kind


def test_data_is_read_under_a_role_that_sees_the_shown_tables_only(comprehensive: Assembly) -> None:
    source = comprehensive.only("AWS::QuickSight::DataSource")["DataSourceParameters"][
        "AthenaParameters"
    ]
    assert source["WorkGroup"] == "slipway-prod-analysts"
    assert flat(source["RoleArn"]).startswith("<ReaderRole")
    statements = comprehensive.statements_of_role("QuickSight", "ReaderRole")
    resources = {r for s in statements for r in resources_of(s)}
    assert {r.rpartition("/")[2] for r in resources if ":table/" in r} == {*COLUMNS, MART, FORECAST}
    written = [r for s in statements for r in resources_of(s) if "s3:PutObject" in actions_of(s)]
    assert all("Results" in r and r.endswith("/analysts/*") for r in written)


def test_the_refresh_knows_every_spice_dataset_by_the_dataset_whose_dashboard_shows_it(
    comprehensive: Assembly, dashboard: Dashboard
) -> None:
    [machine] = comprehensive.resources("AWS::StepFunctions::StateMachine", "QuickSight").values()
    given = machine["Properties"]["DefinitionSubstitutions"]
    ids = [
        item["Properties"]["DataSetId"]
        for item in comprehensive.resources("AWS::QuickSight::DataSet").values()
    ]
    pairs = [pair.split("=") for pair in given["SpiceDataSets"].split(",")]
    assert sorted(kept for _, kept in pairs) == sorted(ids)
    assert {name for name, _ in pairs} == {dashboard.dataset, MART}
    shown = {
        item["Properties"]["DashboardId"]
        for item in comprehensive.resources("AWS::QuickSight::Dashboard").values()
    }
    prefix = given["DashboardPrefix"]  # what the message links to
    assert {prefix + name.replace("_", "-") for name in (dashboard.dataset, MART)} == shown


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
    assert set(ours) == {
        "quicksight:CreateIngestion",
        "quicksight:DescribeIngestion",
        "states:StartExecution",
    }
    started = [
        resource
        for statement in statements
        for resource in resources_of(statement)
        if "states:StartExecution" in actions_of(statement)
    ]
    assert ["AnnounceMachine" in arn for arn in sorted(started)] == [False, True]
    assert any(
        "DashboardRefreshMachine" in arn for arn in started
    )  # a run's execution starts the one that refreshes
    ids = [
        item["Properties"]["DataSetId"]
        for item in comprehensive.resources("AWS::QuickSight::DataSet").values()
    ]
    for action in ("quicksight:CreateIngestion", "quicksight:DescribeIngestion"):
        assert sorted(r.partition(":dataset/")[2] for r in ours[action]) == sorted(
            f"{kept}/ingestion/*" for kept in ids
        )


def test_a_run_starts_the_refresh(comprehensive: Assembly) -> None:
    machines = comprehensive.resources("AWS::StepFunctions::StateMachine", "Orchestration")
    [given] = [
        m["Properties"]["DefinitionSubstitutions"]
        for p, m in machines.items()
        if "/DatasetRun" in p
    ]
    assert "DashboardRefresh" in flat(given["ServingMachineArns"])
