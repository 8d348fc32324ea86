"""`slipway redrive`: every dead letter gets another try, or is shown with `--plan`."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from slipway.acting import announcements, dead_letters
from slipway.acting.dead_letters import Redriven
from slipway.console import counted, say
from slipway.deployment import Deployment, connect

ANNOUNCEMENTS = "announcements"


def run(options: argparse.Namespace) -> int:
    """0 when every message was given another try, 1 when some stay where they are."""
    stay = 0
    for name, result in _results(connect(options.environment), options.queue, plan=options.plan):
        _show(name, result, plan=options.plan)
        stay += 0 if options.plan else len(result.left)
    return int(bool(stay))


def _results(
    deployment: Deployment, only: str | None, *, plan: bool
) -> Iterator[tuple[str, Redriven]]:
    for name, url in dead_letters.queues(deployment, only).items():
        yield (
            name,
            dead_letters.peek(deployment, url)
            if plan
            else dead_letters.redrive(deployment, name, url),
        )
    if only in (None, ANNOUNCEMENTS):
        yield (
            ANNOUNCEMENTS,
            announcements.peek(deployment) if plan else announcements.redrive(deployment),
        )


def _show(name: str, result: Redriven, *, plan: bool) -> None:
    if plan:
        say(f"{name}: {counted(len(result.left), 'message')} waiting")
    else:
        say(f"{name}: {counted(len(result.done), 'message')} redriven")
    for about in result.done:
        say(f"  {about}")
    for about, problem in result.left:
        say(f"  {about}" if plan else f"  stays: {about}: {problem}")
