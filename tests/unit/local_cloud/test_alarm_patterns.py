"""What log lines give as metrics: filter patterns, dimensions, the embedded format; the rest is refused by name."""

from __future__ import annotations

import json
from typing import Any

import pytest

from local_cloud.adapters.cloudwatch import log_lines, patterns
from local_cloud.adapters.cloudwatch.log_lines import Value

COUNT = {"metricName": "M", "metricNamespace": "N", "metricValue": "1"}
AT = 1_700_000_000.5


def given(line: dict[str, Any], pattern: str, **changed: Any) -> list[Value]:
    filters = [{"filterPattern": pattern, "metricTransformations": [COUNT | changed]}]
    return list(log_lines.values(json.dumps(line), AT, filters))


@pytest.mark.parametrize(
    ("pattern", "line", "expected"),
    [
        ('{ $.message = "run closed" }', {"message": "run closed"}, True),
        ('{ $.message = "run closed" }', {"message": "run closed later"}, False),
        ('{ $.message = "run closed" }', {}, False),
        ('{$.a="x"||$.b="y"}', {"b": "y"}, True),
        ('{ ($.a = "x") && (($.b = "y") || ($.b = "z")) }', {"a": "x", "b": "z"}, True),
        ('{ ($.a = "x") && (($.b = "y") || ($.b = "z")) }', {"a": "w", "b": "z"}, False),
        ('{ $.a = "x" || $.b = "y" && $.c = "z" }', {"a": "x"}, True),  # and binds closer
        ('{ $.activity-type = "AUTH_FAILURE" }', {"activity-type": "AUTH_FAILURE"}, True),
        ('{ $.detail.state = "FAILED" }', {"detail": {"state": "FAILED"}}, True),
        ('{ $.detail.state = "FAILED" }', {"detail": "FAILED"}, False),
        ('{ $.level != "INFO" }', {"level": "ERROR"}, True),
        ('{ $.level != "INFO" }', {"level": "INFO"}, False),
        ("{ $.status >= 500 }", {"status": 500}, True),
        ("{ $.status > 500 }", {"status": 500}, False),
        ("{ $.status <= 1.5 }", {"status": 1.5}, True),
        ("{ $.status < -1 }", {"status": -1}, False),
        ("{ $.status = 1 }", {"status": True}, False),
        (r'{ $.a = "say \"x\"" }', {"a": 'say "x"'}, True),
    ],
)
def test_a_pattern_matches_as_documented(
    pattern: str, line: dict[str, Any], expected: bool
) -> None:
    assert bool(given(line, pattern)) is expected


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "ERROR",
        "[ip, user, status=5*]",
        "{ $.a EXISTS }",
        "{ $.a IS NULL }",
        '{ $.a = "x*" }',
        '{ $.a > "x" }',
        "{ $.a = %x% }",
        '{ $.a[0] = "x" }',
        '{ $.a = "x" ',
        '{ ($.a = "x" }',
        '{ $.a = "x" $.b = "y" }',
    ],
)
def test_a_pattern_that_is_not_emulated_is_refused(pattern: str) -> None:
    with pytest.raises(patterns.NotUnderstood, match="emulated"):
        patterns.compiled(pattern)


def test_a_filter_gives_its_value_with_the_time_and_dimensions_of_the_line() -> None:
    [value] = given(
        {"ok": "y", "dataset": "d"}, '{ $.ok = "y" }', dimensions={"Dataset": "$.dataset"}
    )
    assert value == Value(
        namespace="N", metric="M", dimensions={"Dataset": "d"}, value=1.0, unit="None", at=AT
    )
    [value] = given({"ok": "y", "took": 2.5}, '{ $.ok = "y" }', metricValue="$.took")
    assert value.value == 2.5
    assert given({"ok": "y"}, '{ $.ok = "y" }', dimensions={"Dataset": "$.dataset"}) == []


def test_a_line_in_the_embedded_format_gives_its_metrics_at_its_own_time() -> None:
    directive = {
        "Namespace": "N",
        "Dimensions": [["Environment", "Dataset"], ["Environment"]],
        "Metrics": [{"Name": "Age", "Unit": "Seconds"}, {"Name": "Sizes"}],
    }
    line = {
        "_aws": {"Timestamp": 1_600_000_000_250, "CloudWatchMetrics": [directive]},
        "Environment": "prod",
        "Dataset": "d",
        "Age": 1.5,
        "Sizes": [1, 2],
    }
    found = list(log_lines.values(json.dumps(line), AT, []))
    by_metric = [(each.metric, each.value, each.unit, sorted(each.dimensions)) for each in found]
    assert by_metric == [
        ("Age", 1.5, "Seconds", ["Dataset", "Environment"]),
        ("Sizes", 1.0, "None", ["Dataset", "Environment"]),
        ("Sizes", 2.0, "None", ["Dataset", "Environment"]),
        ("Age", 1.5, "Seconds", ["Environment"]),
        ("Sizes", 1.0, "None", ["Environment"]),
        ("Sizes", 2.0, "None", ["Environment"]),
    ]
    assert {each.at for each in found} == {1_600_000_000.25}


@pytest.mark.parametrize("message", ["START RequestId: 1", "[1, 2]", "7", '{"message": "other"}'])
def test_other_lines_give_nothing(message: str) -> None:
    filters = [{"filterPattern": '{ $.message = "x" }', "metricTransformations": [COUNT]}]
    assert list(log_lines.values(message, AT, filters)) == []
