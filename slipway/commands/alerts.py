"""`slipway alerts`: the messages that went out to people, the newest first, and from where they are read."""

from __future__ import annotations

import argparse

from slipway.console import counted, say, table
from slipway.deployment import Deployment, connect
from slipway.reading import announced

SECONDS = "%Y-%m-%d %H:%M:%S"


def run(options: argparse.Namespace) -> int:
    """0; a message that could not be sent is a finding of `slipway doctor`."""
    deployment = connect(options.environment)
    messages = announced.newest(deployment, options.limit)
    if options.full:
        for each in messages:
            say(
                f"{each.started_at:{SECONDS}}  {each.fate}  {each.topic}\n{each.subject}\n\n{each.message}\n"
            )
    else:
        rows = [
            (f"{each.started_at:{SECONDS}}", each.fate, each.topic, each.subject)
            for each in messages
        ]
        table(counted(len(rows), "message"), ("when", "fate", "topic", "subject"), rows)
    _say_source(deployment)
    return 0


def _say_source(deployment: Deployment) -> None:
    machine = deployment.output("AnnounceStateMachineArn")
    say(
        f"Read from the executions of {machine}, which are kept for 90 days. Alarms are not among them; "
        "`slipway alarms` has those."
    )
