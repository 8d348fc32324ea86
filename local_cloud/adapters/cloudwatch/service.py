"""Evaluates every alarm once a minute, as CloudWatch does, and tells of each change of state.

The emulator evaluates an alarm when a metric is written, over all dimensions, without M of N, missing data or time. Its
evaluation is replaced; its store of metrics and alarms, its history and its API stay. moto (5.2) evaluates nothing: a
state changes by SetAlarmState alone. Source: CloudWatch user guide, "Alarm evaluation".
"""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

from local_cloud.adapters.access.deliveries import may_deliver
from local_cloud.adapters.cloudwatch import alarm as alarms
from local_cloud.adapters.cloudwatch import (
    executions,
    functions,
    log_lines,
    messages,
    metrics,
    queues,
)
from local_cloud.adapters.cloudwatch.alarm import MINUTE, State
from local_cloud.adapters.cloudwatch.clock import Clock
from local_cloud.adapters.cloudwatch.evaluation import state_of
from local_cloud.adapters.cloudwatch.messages import Change
from local_cloud.instruments import control
from local_cloud.patching import original, replace

CLOUDWATCH = "ministack.services.cloudwatch"
EVENTBRIDGE = "ministack.services.eventbridge"
PROVISIONERS = "ministack.services.cloudformation.provisioners"
SERVICE, PUBLISH = "cloudwatch.amazonaws.com", "sns:Publish"
ACTIONS: dict[State, str] = {
    "OK": "OKActions",
    "ALARM": "AlarmActions",
    "INSUFFICIENT_DATA": "InsufficientDataActions",
}
Json = dict[str, Any]

logger = logging.getLogger("slipway.alarms")
_clock = Clock()
_one_at_a_time = threading.Lock()


def install() -> None:
    """Emit metrics, refuse what is not evaluated, and begin to evaluate."""
    executions.install()
    functions.install()
    log_lines.install()
    replace(CLOUDWATCH, "_evaluate_alarm", lambda _: _refuse_unknown)
    replace(CLOUDWATCH, "_evaluate_all_alarms", lambda _: lambda: None)
    replace(CLOUDWATCH, "_dispatch_alarm_actions", lambda _: _dispatch)
    replace(PROVISIONERS, "_cw_metric_alarm_record", _with_all_properties)
    control.more_commands["pass-time"] = pass_time  # pass-time/<seconds>
    threading.Thread(target=_every_minute, daemon=True).start()


def pass_time(seconds: str) -> list[Json]:
    """Let time pass for alarms, minute by minute: each change of state on the way, oldest first."""
    left, changes = float(seconds), []
    while left > 0:
        step = min(left, MINUTE)
        _clock.move(step)
        changes += evaluate()
        left -= step
    return changes


def evaluate() -> list[Json]:
    """Look at every queue and every alarm now: what has changed."""
    with _one_at_a_time:
        queues.sample(_clock)
        looked_at = [_evaluate(kept) for kept in list(original(CLOUDWATCH, "_alarms").values())]
    return [each for each in looked_at if each]


def _every_minute() -> None:
    while True:
        time.sleep(MINUTE)
        try:
            evaluate()
        except Exception:
            # The next minute evaluates again; the server's log has what happened.
            logger.exception("alarms could not be evaluated")


def _with_all_properties(record: Any) -> Any:
    """CloudFormation's handler drops properties that it does not know, and so would hide that they have no effect."""

    def metric_alarm_record(name: str, properties: Json) -> Json:
        given = {key: properties[key] for key in alarms.NOT_EVALUATED if properties.get(key)}
        alarms.read({**properties, **given, "AlarmName": name, "Statistic": _statistic(properties)})
        kept: Json = record(name, properties)
        return kept

    return metric_alarm_record


def _statistic(properties: Json) -> Any:
    return properties.get("Statistic") or "Average"  # as the emulator understands none


def _refuse_unknown(kept: Json) -> None:
    """Called for each new or changed alarm. Raises NotEvaluated, and then it is not there."""
    try:
        alarms.read(kept)
    except alarms.NotEvaluated:
        original(CLOUDWATCH, "_alarms").pop(kept["AlarmName"], None)
        raise


def _evaluate(kept: Json) -> Json | None:
    alarm = alarms.read(kept)
    values, starts = metrics.values(alarm, _clock)
    before: State = kept["StateValue"]
    after = state_of(alarm, values, before)
    if after == before:
        return None
    change = messages.change(alarm, values, starts, at=_clock.now(), before=before, after=after)
    _apply(kept, change)
    return {
        "alarm": alarm.name,
        "before": before,
        "after": after,
        "reason": change.reason,
        "at": messages.stamp(change.at),
    }


def _apply(kept: Json, change: Change) -> None:
    left = {
        "value": kept["StateValue"],
        "reason": kept["StateReason"],
        "timestamp": messages.stamp(kept["StateUpdatedTimestamp"]),
    }
    kept |= {
        "StateValue": change.after,
        "StateReason": change.reason,
        "StateReasonData": change.data,
        "StateUpdatedTimestamp": int(change.at),
    }
    original(CLOUDWATCH, "_record_history")(
        kept["AlarmName"], change.before, change.after, change.reason, reason_data=change.data
    )
    original(EVENTBRIDGE, "_put_events")(
        {"Entries": [messages.event(kept, change, left)]}, allow_aws_source=True
    )
    _tell(kept, change)


def _dispatch(kept: Json, before: State, after: State, reason: str) -> None:
    """What SetAlarmState calls, with a state that a person chose."""
    _tell(kept, Change(at=_clock.now(), before=before, after=after, reason=reason, data="{}"))


def _tell(kept: Json, change: Change) -> None:
    if not kept.get("ActionsEnabled", True):
        return
    subject, body = messages.notification(kept, change)
    for action in kept.get(ACTIONS[change.after]) or []:
        if action.split(":")[2] != "sns":
            logger.error("action %s of alarm %s is not emulated", action, kept["AlarmName"])
        elif may_deliver(SERVICE, PUBLISH, action, kept["AlarmArn"]):
            message_id = original(CLOUDWATCH, "new_uuid")()
            original("ministack.services.sns", "_fanout")(action, message_id, body, subject)
