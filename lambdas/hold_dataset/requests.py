"""What care is asked for, read from the execution's input; what makes no sense is refused before any write."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast, get_args

from contracts.errors import PermanentError
from pipeline.modes import MaintenanceMode
from pipeline.run_documents import ForecastRollback

TOKEN = re.compile(r"[0-9a-f]{64}")  # contracts.personal_data.token
VERSION = re.compile(r"[0-9]{1,19}")  # a snapshot of Iceberg


@dataclass(frozen=True, kw_only=True)
class Request:
    """Who asks for which care. `rollback_to` is the run to roll back, `subject` the token of the person to erase.

    `forecast` is the forecast to take back.
    """

    dataset: str
    trigger: str
    execution_arn: str
    mode: MaintenanceMode
    rollback_to: str | None
    with_later: bool
    subject: str | None
    forecast: ForecastRollback | None = None


def parse(event: Mapping[str, Any]) -> Request:
    """`event`: {dataset, request, execution_arn}. Raises PermanentError, naming the field and what it must be."""
    request = event["request"]
    mode, run_id, subject = request.get("mode"), request.get("run_id"), request.get("subject")
    if mode not in get_args(MaintenanceMode):
        raise _wrong("mode", mode, f"one of {', '.join(get_args(MaintenanceMode))}")
    if (mode == "rollback") != isinstance(run_id, str):
        raise _wrong("run_id", run_id, "the run to roll back" if mode == "rollback" else "left out")
    if mode != "erasure" and subject is not None:
        raise _wrong("subject", subject, "left out")
    if mode == "erasure" and not (isinstance(subject, str) and TOKEN.fullmatch(subject)):
        # Never shown: somebody may have put the person's own name or address there.
        raise PermanentError(
            "the execution's input has no 'subject' of 64 hex digits; use: slipway erase"
        )
    if mode != "forecast_rollback" and "forecast" in request:
        raise _wrong("forecast", request["forecast"], "left out")
    return Request(
        dataset=event["dataset"],
        trigger=str(request.get("trigger", "operator")),
        execution_arn=event["execution_arn"],
        mode=cast(MaintenanceMode, mode),
        rollback_to=run_id,
        with_later=request.get("with_later") is True,
        subject=subject,
        forecast=_forecast(request) if mode == "forecast_rollback" else None,
    )


def _forecast(request: Mapping[str, Any]) -> ForecastRollback:
    wanted = ForecastRollback.from_json(
        request.get("forecast"), place="the field forecast of the execution's input"
    )
    for name, version in (("undone", wanted.undone), ("back_to", wanted.back_to)):
        if not VERSION.fullmatch(version):
            raise _wrong(f"forecast.{name}", version, "the number of a version")
    if not wanted.reason.strip():
        raise _wrong("forecast.reason", wanted.reason, "why the forecast is taken back")
    return wanted


def _wrong(field: str, value: object, wanted: str) -> PermanentError:
    return PermanentError(f"the execution's input has {field} {value!r}; it must be {wanted}")
