"""Analysts, alerts and alarms: limits that cannot be talked away, views as Athena reads them, nothing unnoticed."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
import sqlglot

from pipeline.bursts import KEPT_DAYS
from tests.infrastructure.support import ROOT, Assembly, actions_of, flat, policies

Alarms = dict[str, dict[str, Any]]


@pytest.mark.parametrize(
    ("team", "limit_gib"), [("analysts", 50), ("finance", 20), ("marketing", 5)]
)
def test_no_workgroup_can_be_talked_out_of_its_limits(
    comprehensive: Assembly, team: str, limit_gib: int
) -> None:
    [workgroup] = [
        r["Properties"]
        for r in comprehensive.resources("AWS::Athena::WorkGroup").values()
        if r["Properties"]["Name"] == f"slipway-prod-{team}"
    ]
    configuration = workgroup["WorkGroupConfiguration"]
    assert configuration["EnforceWorkGroupConfiguration"] is True
    assert configuration["BytesScannedCutoffPerQuery"] == limit_gib * 1024**3
    assert configuration["EngineVersion"] == {"SelectedEngineVersion": "Athena engine version 3"}
    result = configuration["ResultConfiguration"]
    assert flat(result["OutputLocation"]).endswith(f">/{team}/")
    assert result["EncryptionConfiguration"]["EncryptionOption"] == "SSE_KMS"


def test_without_teams_there_is_the_workgroup_of_analysts_alone(prod: Assembly) -> None:
    assert prod.only("AWS::Athena::WorkGroup")["Name"] == "slipway-prod-analysts"


def test_sample_queries_are_athena_sql_on_this_environment(prod: Assembly) -> None:
    queries = prod.resources("AWS::Athena::NamedQuery")
    assert len(queries) >= 5
    for query in queries.values():
        text = query["Properties"]["QueryString"]
        assert "{" not in text
        tables = sqlglot.parse_one(text, read="athena").find_all(sqlglot.exp.Table)
        assert {table.db for table in tables if table.db} <= {
            *("slipway_prod_raw", "slipway_prod_processed", "slipway_prod_curated"),
        }
        assert not query["Properties"]["Description"].startswith("-")


def views(assembly: Assembly) -> dict[str, dict[str, Any]]:
    return {
        table["Properties"]["TableInput"]["Name"]: table["Properties"]
        for table in assembly.resources("AWS::Glue::Table").values()
        if table["Properties"]["TableInput"]["TableType"] == "VIRTUAL_VIEW"
    }


def definition(view: dict[str, Any]) -> dict[str, Any]:
    text = view["TableInput"]["ViewOriginalText"]
    assert text.startswith("/* Presto View: ")
    assert text.endswith(" */")
    return json.loads(base64.b64decode(text.removeprefix("/* Presto View: ").removesuffix(" */")))


def test_every_dataset_gets_its_views(comprehensive: Assembly) -> None:
    assert sorted(views(comprehensive)) == [
        "sales_by_month_item_latest",
        "sales_by_region_quarter_latest",
        "sales_records_quality_latest",
        "sales_records_quarantine_by_rule",
        "tiny_by_quarter_latest",
        "tiny_quality_latest",
        "tiny_quarantine_by_rule",
    ]


def test_views_of_a_dataset_stand_beside_those_of_its_sql_files(prod: Assembly) -> None:
    assert sorted(name for name in views(prod) if name.startswith("superstore")) == [
        "superstore_customer_value",
        "superstore_customers_by_month_latest",
        "superstore_discounts_by_month_latest",
        "superstore_quality_latest",
        "superstore_quarantine_by_rule",
        "superstore_sales_by_month_latest",
        "superstore_shipping_by_month_latest",
    ]


def test_a_view_is_what_athena_would_have_written(prod: Assembly) -> None:
    for view in views(prod).values():
        table = view["TableInput"]
        assert table["TableType"] == "VIRTUAL_VIEW"
        assert table["Parameters"] == {"presto_view": "true", "comment": "Presto View"}
        assert table["ViewExpandedText"] == "/* Presto View */"
        known = definition(view)
        assert known["catalog"] == "awsdatacatalog"
        assert known["schema"] == view["DatabaseName"]
        columns = table["StorageDescriptor"]["Columns"]
        assert [column["name"] for column in known["columns"]] == [
            column["Name"] for column in columns
        ]


def test_types_of_a_view_are_written_for_the_catalog_and_for_trino(prod: Assembly) -> None:
    view = views(prod)["sales_by_region_quarter_latest"]
    hive = {
        column["Name"]: column["Type"]
        for column in view["TableInput"]["StorageDescriptor"]["Columns"]
    }
    trino = {column["name"]: column["type"] for column in definition(view)["columns"]}
    pairs = {
        name: (hive[name], trino[name])
        for name in ("region", "order_year", "quarter_start", "orders", "revenue")
    }
    assert pairs == {
        "region": ("string", "varchar"),
        "order_year": ("int", "integer"),
        "quarter_start": ("date", "date"),
        "orders": ("bigint", "bigint"),
        "revenue": ("decimal(18,2)", "decimal(18,2)"),
    }


def test_the_query_of_a_view_gives_its_columns(comprehensive: Assembly) -> None:
    for view in views(comprehensive).values():
        query = sqlglot.parse_one(definition(view)["originalSql"], read="athena")
        assert query.named_selects == [
            c["Name"] for c in view["TableInput"]["StorageDescriptor"]["Columns"]
        ]


def test_topics_are_encrypted_and_tell_whom_the_settings_name(comprehensive: Assembly) -> None:
    topics = comprehensive.resources("AWS::SNS::Topic")
    assert len(topics) == 6
    assert all(
        "OperationsKey" in flat(topic["Properties"]["KmsMasterKeyId"]) for topic in topics.values()
    )
    told = {
        (
            subscription["TopicArn"]["Ref"].rstrip("0123456789ABCDEF"),
            subscription["Endpoint"],
        ): subscription.get("FilterPolicy")
        for subscription in (
            r["Properties"] for r in comprehensive.resources("AWS::SNS::Subscription").values()
        )
    }
    assert {endpoint for topic, endpoint in told if topic.startswith("RunFailed")} == {
        "sales@example.com",
        "on-call@example.com",
        "tiny-owner@example.com",
    }
    policies = {
        topic: policy
        for (topic, endpoint), policy in told.items()
        if endpoint == "tiny-owner@example.com"
    }
    assert policies == {
        "FileRejected": {"dataset": ["tiny"]},
        "RunFailed": {"dataset": ["tiny"]},
        "RunSucceeded": {"dataset": ["tiny"], "severity": ["warning", "error"]},
    }
    assert told["RunStage", "stages@example.com"] is None
    assert told["RunSucceeded", "sales@example.com"] is None
    assert told["RunSucceeded", "quality@example.com"] == {"severity": ["warning", "error"]}


def test_bursts_are_forgotten_some_day_and_not_before_their_names_are_free_again(
    prod: Assembly,
) -> None:
    table = prod.only("AWS::DynamoDB::Table", "Alerts")
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
    assert KEPT_DAYS > 90  # days for which Step Functions refuses the name of an execution
    assert "DataKey" in flat(table["SSESpecification"]["KMSMasterKeyId"])


def test_only_the_announcing_machine_may_publish_to_people(comprehensive: Assembly) -> None:
    publishing = [
        role
        for role, statement in policies(comprehensive)
        if "sns:Publish" in actions_of(statement)
    ]
    # the operator redrives what the rule of failed jobs could not publish
    assert sorted({role.partition("/")[2][:8] for role in publishing}) == [
        "Announce",
        "FailedJo",
        "Operator",
    ]


@pytest.fixture
def alarms(comprehensive: Assembly) -> Alarms:
    return {
        place.partition("/")[2]: r["Properties"]
        for place, r in comprehensive.resources("AWS::CloudWatch::Alarm").items()
    }


def alarm(alarms: Alarms, name: str) -> dict[str, Any]:
    [found] = [properties for place, properties in alarms.items() if place.startswith(name)]
    return found


def test_every_alarm_tells_somebody(alarms: Alarms) -> None:
    assert all(len(properties["AlarmActions"]) == 1 for properties in alarms.values())


@pytest.mark.parametrize("name", ["IntakeDeadLetters", "FailRunDeadLetters", "ScheduleDeadLetters"])
def test_one_dead_letter_is_enough(alarms: Alarms, name: str) -> None:
    properties = alarm(alarms, name)
    assert properties["MetricName"] == "ApproximateNumberOfMessagesVisible"
    assert (properties["Threshold"], properties["EvaluationPeriods"]) == (1, 1)
    assert properties["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"


def test_a_failed_run_is_noticed(alarms: Alarms) -> None:
    assert alarm(alarms, "FailedRuns")["MetricName"] == "ExecutionsFailed"
    assert alarm(alarms, "TimedOutRuns")["MetricName"] == "ExecutionsTimedOut"


def test_failed_logins_of_partners_are_noticed_and_of_strangers_are_not(
    comprehensive: Assembly, alarms: Alarms, prod: Assembly
) -> None:
    [lines] = [
        each["Properties"]
        for place, each in comprehensive.resources("AWS::Logs::MetricFilter").items()
        if "FailedLogins" in place
    ]
    wanted = '($.activity-type = "AUTH_FAILURE") && (($.user = "acme") || ($.user = "globex"))'
    assert lines["FilterPattern"] == f"{{ {wanted} }}"
    assert "SftpLog" in flat(lines["LogGroupName"])
    [transformation] = lines["MetricTransformations"]
    properties = alarm(alarms, "FailedLogins")
    assert transformation["MetricName"] == properties["MetricName"]
    assert (properties["Threshold"], properties["Period"]) == (5, 3600)
    assert not any("FailedLogins" in place for place in prod.resources("AWS::CloudWatch::Alarm"))


@pytest.mark.parametrize(
    ("name", "machine"),
    [("Runs", "DatasetRun"), ("Care", "DatasetCare"), ("Announcements", "Announce")],
)
def test_every_machine_has_its_own_alarms(alarms: Alarms, name: str, machine: str) -> None:
    for kind in ("Failed", "TimedOut", "Aborted"):
        [dimension] = alarm(alarms, kind + name)["Dimensions"]
        assert machine in flat(dimension["Value"])


@pytest.mark.parametrize(
    ("name", "dataset", "hours"),
    [("SalesRecords", "sales_records", 36), ("Superstore", "superstore", 840)],
)
def test_stale_data_is_noticed_by_its_age_even_if_nothing_ever_ran(
    prod: Assembly, name: str, dataset: str, hours: int
) -> None:
    """840 hours, as superstore has, are more than the seven days that an alarm looks back: the age is the metric."""
    [properties] = [
        r["Properties"]
        for p, r in prod.resources("AWS::CloudWatch::Alarm").items()
        if f"/Stale{name}" in p
    ]
    assert (properties["MetricName"], properties["Namespace"]) == ("AgeHours", "Slipway")
    assert (properties["Threshold"], properties["ComparisonOperator"]) == (
        hours,
        "GreaterThanThreshold",
    )
    assert properties["TreatMissingData"] == "missing"
    assert properties["InsufficientDataActions"] == properties["AlarmActions"]
    assert (properties["EvaluationPeriods"], properties["Period"], properties["Statistic"]) == (
        2,
        60 * 60,
        "Maximum",
    )
    dimensions = {item["Name"]: item["Value"] for item in properties["Dimensions"]}
    assert dimensions == {"Environment": "prod", "Dataset": dataset}


def test_the_age_is_measured_as_often_as_the_alarm_looks_under_the_names_that_the_function_writes(
    prod: Assembly,
) -> None:
    rules = [
        r["Properties"]
        for p, r in prod.resources("AWS::Events::Rule", "Monitoring").items()
        if "EveryHour" in p
    ]
    assert [rule["ScheduleExpression"] for rule in rules] == ["rate(1 hour)"]
    source = (ROOT / "lambdas" / "measure_freshness" / "service.py").read_text(encoding="utf-8")
    for text in ('NAMESPACE = "Slipway"', 'METRIC = "AgeHours"', '[["Environment", "Dataset"]]'):
        assert text in source


def test_the_metric_of_successes_counts_the_line_that_close_run_logs(prod: Assembly) -> None:
    filters = prod.resources("AWS::Logs::MetricFilter").items()
    [pattern] = [
        found["Properties"]["FilterPattern"] for place, found in filters if "RunsSucceeded" in place
    ]
    message = pattern.partition('"')[2].partition('"')[0]
    assert f'log.info("{message}"' in (ROOT / "lambdas" / "close_run" / "service.py").read_text(
        encoding="utf-8"
    )


def test_a_failed_job_is_told_in_words(comprehensive: Assembly) -> None:
    [rule] = [
        r["Properties"]
        for p, r in comprehensive.resources("AWS::Events::Rule").items()
        if "FailedJobs" in p
    ]
    assert rule["EventPattern"]["detail"]["state"] == ["FAILED", "TIMEOUT", "ERROR"]
    assert len(rule["EventPattern"]["detail"]["jobName"]) == 4
    [target] = rule["Targets"]
    assert "detail-message" in target["InputTransformer"]["InputTemplate"]
    assert target["RoleArn"]
