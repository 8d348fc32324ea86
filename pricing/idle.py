"""What an environment costs in a month in which nothing is loaded and nothing asked, resource by resource.

A month has 730 hours, as in AWS's own examples. Most things cost by use alone and give no line here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

from pricing.estimate import Line, Range, Ruler
from pricing.templates import Resource, Templates

HOURS = Decimal(730)
DAYS = HOURS / 24
OWN_NAMESPACE = "Slipway"  # of metrics that the product writes; AWS's own cost nothing
CRAWL_HOURS = Decimal(1) / 6  # billed for ten minutes at least
_RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")
_MINUTES = {"minute": 1, "hour": 60, "day": 24 * 60}

Priced = Callable[[Ruler, Resource, Templates], Iterator[Line]]


def lines(ruler: Ruler, templates: Templates) -> Iterator[Line]:
    """Every idle line, in the order of the resources' types."""
    for kind in templates.types:
        if price := BY_TYPE.get(kind):
            for resource in templates.of_type(kind):
                yield from price(ruler, resource, templates)
    yield from _custom_metrics(ruler, templates)


def monthly(expression: str) -> Decimal:
    """How often a schedule of EventBridge comes in a month: rate(...), or cron with plain days and hours."""
    if found := _RATE.fullmatch(expression):
        return DAYS * 24 * 60 / (int(found[1]) * _MINUTES[found[2]])
    _, hours, day, _, weekday, _ = expression.removeprefix("cron(").removesuffix(")").split()
    a_day = Decimal(24) if hours == "*" else Decimal(_count(hours))
    if weekday not in ("?", "*"):
        return a_day * DAYS * _count(weekday) / 7
    return a_day * (DAYS if day in ("?", "*") else _count(day))


def _count(part: str) -> int:
    """How many values a part of a cron expression names: lists, and ranges of weekdays or numbers."""
    return sum(_span(each) for each in part.split(","))


def _span(part: str) -> int:
    weekdays = {
        name: at for at, name in enumerate(["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"], 1)
    }
    ends = [weekdays.get(each.upper()) or int(each) for each in re.split("-", part.split("/")[0])]
    return ends[-1] - ends[0] + 1


def _server(ruler: Ruler, server: Resource, _: Templates) -> Iterator[Line]:
    protocols = len(server.properties.get("Protocols", ["SFTP"]))
    yield ruler.idle(
        "transfer_protocol_hour", "SFTP server, used or not", Range.of(protocols * HOURS)
    )
    addresses = server.properties.get("EndpointDetails", {}).get("AddressAllocationIds", [])
    if addresses:
        hours = Range.of(len(addresses) * HOURS)
        yield ruler.idle("public_address_hour", "Elastic IPs of the SFTP server", hours)


def _each(price: str, what: str) -> Priced:
    def priced(ruler: Ruler, _resource: Resource, _templates: Templates) -> Iterator[Line]:
        yield ruler.idle(price, what, Range.of(1))

    return priced


def _endpoint(ruler: Ruler, endpoint: Resource, _: Templates) -> Iterator[Line]:
    if endpoint.properties.get("VpcEndpointType") == "Interface":
        zones = Range.of(len(endpoint.properties["SubnetIds"]) * HOURS)
        yield ruler.idle("endpoint_zone_hour", "interface endpoint, by zone", zones)


def _alarm(ruler: Ruler, alarm: Resource, _: Templates) -> Iterator[Line]:
    yield ruler.idle("alarm", "alarms", Range.of(1), dataset=_dimension(alarm, "Dataset"))


def _custom_metrics(ruler: Ruler, templates: Templates) -> Iterator[Line]:
    """One for each metric of the product that an alarm watches; they are written every hour."""
    alarms = (each for each in templates.of_type("AWS::CloudWatch::Alarm"))
    watched: dict[str, str | None] = {}
    for alarm in alarms:
        metric = alarm.properties
        if metric.get("Namespace") == OWN_NAMESPACE and metric.get("Dimensions"):
            name = json.dumps([metric["MetricName"], metric["Dimensions"]], sort_keys=True)
            watched[name] = _dimension(alarm, "Dataset")
    for dataset in watched.values():
        yield ruler.idle("custom_metric", "custom metrics", Range.of(1), dataset=dataset)


def _counted_lines(ruler: Ruler, _resource: Resource, _templates: Templates) -> Iterator[Line]:
    """A metric filter's metric is billed in the hours in which it counted something."""
    quantity = Range(low=Decimal(0), high=Decimal(1))
    yield ruler.idle("custom_metric", "metrics counted from logs, in hours with a match", quantity)


def _database_instance(ruler: Ruler, instance: Resource, _: Templates) -> Iterator[Line]:
    """Asleep it costs its storage. One of class db.serverless is billed by the ACUs of its cluster."""
    if storage := instance.properties.get("AllocatedStorage"):
        quantity = Range.of(Decimal(storage))
        yield ruler.idle("instance_gigabyte", "storage of the internal database", quantity)


def _namespace(ruler: Ruler, namespace: Resource, _: Templates) -> Iterator[Line]:
    if namespace.properties.get("ManageAdminPassword"):
        yield ruler.idle("secret", "secrets", Range.of(1))


def _polling(ruler: Ruler, _resource: Resource, _templates: Templates) -> Iterator[Line]:
    polls = ruler.rate("queue_polls_by_function")
    yield ruler.idle("queue_request", "Lambda looking into empty queues", polls)


def _schedule(ruler: Ruler, schedule: Resource, templates: Templates) -> Iterator[Line]:
    properties = schedule.properties
    times, request = monthly(properties["ScheduleExpression"]), _request(properties)
    dataset = request.get("dataset")
    yield ruler.idle("schedule", "scheduled starts", Range.of(times), dataset=dataset)
    transitions = ruler.rate("transitions_of_an_empty_start").times(times)
    yield ruler.idle("state_transition", "scheduled starts", transitions, dataset=dataset)
    if "mart" in request:
        memory = ruler.rate("duckdb_worker_seconds_by_job").times(times)
        memory = memory.times(templates.duckdb_memory_gib)
        yield ruler.idle("gib_second", "scheduled runs of marts", memory)
    if request.get("mode") == "maintenance":
        dpus = templates.spark_worker_dpus
        seconds = ruler.rate("spark_worker_seconds_by_job").times(times * dpus)
        yield ruler.idle("dpu_second", "scheduled maintenance of tables", seconds, dataset=dataset)


def _scheduled_call(ruler: Ruler, rule: Resource, _: Templates) -> Iterator[Line]:
    """A rule with a schedule calls a function; rules for events of AWS cost nothing."""
    if expression := rule.properties.get("ScheduleExpression"):
        seconds = ruler.rate("function_gib_seconds_by_scheduled_call").times(monthly(expression))
        yield ruler.idle("function_gib_second", "functions that are called on a schedule", seconds)


def _request(properties: Any) -> dict[str, str]:
    given = properties["Target"].get("Input")
    return json.loads(given) if isinstance(given, str) else {}


def _crawler(ruler: Ruler, crawler: Resource, _: Templates) -> Iterator[Line]:
    expression = crawler.properties.get("Schedule", {}).get("ScheduleExpression")
    if expression:
        seconds = ruler.rate("crawler_dpus").times(monthly(expression) * CRAWL_HOURS * 3600)
        yield ruler.idle("dpu_second", "scheduled crawls of the raw zone", seconds)


def _dimension(alarm: Resource, name: str) -> str | None:
    dimensions = alarm.properties.get("Dimensions", [])
    return next((str(each["Value"]) for each in dimensions if each["Name"] == name), None)


BY_TYPE: dict[str, Priced] = {
    "AWS::CloudWatch::Alarm": _alarm,
    "AWS::CloudWatch::Dashboard": _each("dashboard", "dashboard"),
    "AWS::EC2::VPCEndpoint": _endpoint,
    "AWS::Events::Rule": _scheduled_call,
    "AWS::Glue::Crawler": _crawler,
    "AWS::KMS::Key": _each("key", "keys"),
    "AWS::Lambda::EventSourceMapping": _polling,
    "AWS::Logs::MetricFilter": _counted_lines,
    "AWS::RDS::DBInstance": _database_instance,
    "AWS::RedshiftServerless::Namespace": _namespace,
    "AWS::Scheduler::Schedule": _schedule,
    "AWS::SecretsManager::Secret": _each("secret", "secrets"),
    "AWS::Transfer::Server": _server,
}
