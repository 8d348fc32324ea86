"""`slipway trail`: who read a file and who removed what, by CloudTrail; for auditors."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from slipway.console import say, table, warn
from slipway.deployment import connect
from slipway.reading import trail


def run(options: argparse.Namespace) -> int:
    """0 when it could be told."""
    deployment = connect(options.environment)
    if problem := trail.flush(deployment):
        warn(f"not delivered: {problem}")
    asked = {"reads": trail.reads, "deletions": trail.deletions}[options.action]
    acts = asked(deployment, wanted=options.key, days=options.days)
    what = f"{options.action} of keys with {options.key!r}" if options.key else options.action
    _show(f"{what}, last {options.days} days", acts)
    if deployment.environment != "local":
        say("CloudTrail delivers within minutes; what happened just now may be missing")
    return 0


def _show(title: str, acts: Sequence[trail.Act]) -> None:
    rows = [
        (
            *(each.who, each.call, f"{each.times:,}", each.last_time),
            *(each.through, each.refused, each.object_key),
        )
        for each in acts
    ]
    headers = ("who", "call", "times", "last", "through", "refused", "key")
    table(title, headers, rows, right=[2])
