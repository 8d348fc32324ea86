"""Crawlers crawl: StartCrawler carries the crawl out under the crawler's role, and what it did is what is reported.

The emulator waits five seconds and reports success without a table. Crawlers, classifiers and the calls that read them
stay the emulator's; CloudFormation's classifiers are added. Schedules are kept and never fire.
"""

from __future__ import annotations

import contextvars
import logging
import statistics
import threading
import time
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from local_cloud.adapters import roles
from local_cloud.adapters.glue import crawl
from local_cloud.instruments import recorded_types
from local_cloud.patching import original, replace
from local_cloud.settings import ACCOUNT, REGION, ServerSettings

GLUE = "ministack.services.glue"
PROVISIONERS = "ministack.services.cloudformation.provisioners"
SCHEDULE = "AWS::Glue::Crawler Schedule"
LOG_GROUP = "/aws-glue/crawlers"  # Source: Glue developer guide, "Crawler logging"
logger = logging.getLogger("slipway.crawlers")
Properties = dict[str, Any]
Created = tuple[str, dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Ended:
    """A crawl that has ended."""

    seconds: float
    done: crawl.Done


_ended: dict[str, list[Ended]] = {}  # by crawler


def install(settings: ServerSettings) -> None:
    """Replace starting, stopping and measuring; make classifiers of stacks."""
    replace(GLUE, "_start_crawler", lambda _: lambda data: start(settings, data))
    replace(GLUE, "_stop_crawler", lambda _: stop)
    replace(GLUE, "_get_crawler_metrics", lambda _: metrics)
    handlers = original(PROVISIONERS, "_RESOURCE_HANDLERS")
    handlers["AWS::Glue::Classifier"] = {
        "create": _create_classifier,
        "update": _update_classifier,
        "delete": _delete_classifier,
    }
    crawlers = handlers["AWS::Glue::Crawler"]
    handlers["AWS::Glue::Crawler"] = crawlers | {"create": _noting_schedule(crawlers["create"])}


def start(settings: ServerSettings, data: dict[str, Any]) -> Any:
    """Glue's StartCrawler."""
    name = str(data.get("Name"))
    crawler = original(GLUE, "_crawlers").get(name)
    if crawler is None:
        return _refused("EntityNotFoundException", f"Crawler {name} not found")
    if crawler["State"] != "READY":
        return _refused("CrawlerRunningException", f"Crawler {name} has already started")
    crawler |= {"State": "RUNNING", "CrawlElapsedTime": 0}
    run_here = contextvars.copy_context().run  # the emulator keeps account and region in it
    threading.Thread(
        target=run_here, args=(_run, settings, crawler), name=name, daemon=True
    ).start()
    return original(GLUE, "json_response")({})


def stop(data: dict[str, Any]) -> Any:
    """Glue's StopCrawler: what has not been written yet is left out, and the crawl ends as CANCELLED."""
    name = str(data.get("Name"))
    crawler = original(GLUE, "_crawlers").get(name)
    if crawler is None:
        return _refused("EntityNotFoundException", f"Crawler {name} not found")
    if crawler["State"] != "RUNNING":
        return _refused("CrawlerNotRunningException", f"Crawler {name} is not running")
    crawler["State"] = "STOPPING"
    return original(GLUE, "json_response")({})


def metrics(data: dict[str, Any]) -> Any:
    """Glue's GetCrawlerMetrics, from what crawls did."""
    crawlers = original(GLUE, "_crawlers")
    names = data.get("CrawlerNameList") or list(crawlers.keys())
    listed = [_metrics_of(name) for name in names if name in crawlers]
    return original(GLUE, "json_response")({"CrawlerMetricsList": listed})


def _metrics_of(name: str) -> dict[str, Any]:
    ended = _ended.get(name, [])
    seconds = [each.seconds for each in ended]
    last = ended[-1].done if ended else crawl.Done()
    return {
        "CrawlerName": name,
        "TimeLeftSeconds": 0.0,
        "StillEstimating": False,
        "LastRuntimeSeconds": seconds[-1] if seconds else 0.0,
        "MedianRuntimeSeconds": statistics.median(seconds) if seconds else 0.0,
        "TablesCreated": len(last.created),
        "TablesUpdated": len(last.updated),
        "TablesDeleted": len(last.deleted),
    }


def _run(settings: ServerSettings, crawler: dict[str, Any]) -> None:
    began, name, crawl_id = time.time(), crawler["Name"], str(uuid4())
    done, status, message = crawl.Done(), "SUCCEEDED", ""
    try:
        done = _crawl(settings, crawler, _session(crawler, crawl_id))
        if crawler["State"] == "STOPPING":
            status = "CANCELLED"
    except Exception as exc:  # the crawler's record is where every cause of a failed crawl belongs
        logger.exception("crawl of %s failed", name)
        status, message = "FAILED", str(exc)
    lines = [*done.messages, f"ERROR : {message}"] if message else done.messages
    if denied := _log(settings, crawler, crawl_id, lines):
        status, message = "FAILED", message or denied
    seconds = time.time() - began
    _ended.setdefault(name, []).append(Ended(seconds=seconds, done=done))
    crawler |= {
        "State": "READY",
        "CrawlElapsedTime": int(seconds * 1000),
        "LastCrawl": {
            "Status": status,
            **({"ErrorMessage": message} if message else {}),
            "LogGroup": LOG_GROUP,
            "LogStream": name,
            "MessagePrefix": crawl_id,
            "StartTime": began,
        },
    }


def _session(crawler: dict[str, Any], crawl_id: str) -> roles.Session:
    return roles.assume(
        crawler["Role"],
        f"AWS-Crawler-{crawl_id[:8]}",
        "glue.amazonaws.com",
        source_arn=f"arn:aws:glue:{REGION}:{ACCOUNT}:crawler/{crawler['Name']}",
    )


def _crawl(settings: ServerSettings, crawler: dict[str, Any], session: roles.Session) -> crawl.Done:
    known = original(GLUE, "_classifiers")
    named = [known[name] for name in crawler.get("Classifiers") or []]
    if other := [kind for each in named for kind in each if kind != "CsvClassifier"]:
        raise crawl.NotCrawled(f"the embedded AWS does not classify by {other[0]}")
    return crawl.crawl(
        crawler,
        [each["CsvClassifier"] for each in named],
        crawl.Clients(
            s3=roles.client(settings, session, "s3"), glue=roles.client(settings, session, "glue")
        ),
    )


def _log(settings: ServerSettings, crawler: dict[str, Any], crawl_id: str, lines: list[str]) -> str:
    """Log as the crawler's role; why that was refused, if it was."""
    try:
        logs = roles.client(settings, _session(crawler, crawl_id), "logs")
        for make, names in (
            (logs.create_log_group, {"logGroupName": LOG_GROUP}),
            (
                logs.create_log_stream,
                {"logGroupName": LOG_GROUP, "logStreamName": crawler["Name"]},
            ),
        ):
            try:
                make(**names)
            except logs.exceptions.ResourceAlreadyExistsException:
                continue  # the crawls before made it
        told = ["BENCHMARK : Running Start Crawl", *lines, "BENCHMARK : Crawler has finished"]
        now = int(time.time() * 1000)
        logs.put_log_events(
            logGroupName=LOG_GROUP,
            logStreamName=crawler["Name"],
            logEvents=[{"timestamp": now, "message": f"[{crawl_id}] {line}"} for line in told],
        )
    except Exception as exc:
        logger.exception("crawl of %s could not be logged", crawler["Name"])
        return f"{type(exc).__name__}: {exc}"
    return ""


def _noting_schedule(create: Any) -> Any:
    def noting(logical_id: str, properties: Properties, stack_name: str) -> Created:
        if properties.get("Schedule"):
            recorded_types.recorded.add(SCHEDULE)
        made: Created = create(logical_id, properties, stack_name)
        return made

    return noting


# classifiers of stacks


def _create_classifier(_logical_id: str, properties: Properties, stack_name: str) -> Created:
    status, _, body = original(GLUE, "_create_classifier")(properties)
    if status >= 400:
        raise ValueError(f"classifier of {stack_name}: {body!r}")
    [classifier] = properties.values()
    return str(classifier["Name"]), {}


def _update_classifier(
    physical_id: str, old: Properties, new: Properties, stack_name: str, logical_id: str = ""
) -> Created:
    _delete_classifier(physical_id, old)
    return _create_classifier(logical_id, new, stack_name)


def _delete_classifier(physical_id: str, _properties: Properties) -> None:
    original(GLUE, "_delete_classifier")({"Name": physical_id})


def _refused(code: str, message: str) -> Any:
    return original(GLUE, "error_response_json")(code, message, 400)
