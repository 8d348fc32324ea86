"""`slipway alarms`: which of CloudWatch's alarms are on, since when and why; `--all` shows the others as well."""

from __future__ import annotations

import argparse

from slipway.console import counted, say
from slipway.deployment import connect
from slipway.reading import alarms

SECONDS = "%Y-%m-%d %H:%M:%S"


def run(options: argparse.Namespace) -> int:
    """1 when an alarm is on."""
    found = list(alarms.every(connect(options.environment)))
    on = [each for each in found if each.state == alarms.ON]
    if not on:
        say(f"none of {counted(len(found), 'alarm')} is on")
    for each in found if options.all else on:
        say(f"{each.since:{SECONDS}}  {each.state}  {each.description}")
        say(f"    why:  {each.reason}")
        say(f"    next: docs/runbook.md, {each.section}")
    return int(bool(on))
