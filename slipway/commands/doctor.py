"""`slipway doctor`: what is stuck, and what waits for a person, each with the next command; it changes nothing.

Only what is stuck makes it fail: a refused record may wait for a partner's answer for days while all else goes on.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from slipway.acting import decisions, diagnosis
from slipway.acting.diagnosis import Finding
from slipway.console import counted, say
from slipway.deployment import connect


def run(options: argparse.Namespace) -> int:
    """1 when something is stuck, unread or unconfirmed; 0 when nothing is, or things only wait for a person."""
    deployment = connect(options.environment)
    stuck = list(diagnosis.findings(deployment))
    if stuck:
        _show(counted(len(stuck), "finding"), stuck)
    else:
        say("nothing is stuck, unread or unconfirmed")
    waiting = list(decisions.waiting(deployment))
    if waiting:
        _show("waiting for a person; everything else goes on", waiting)
    else:
        say("nothing waits for a person")
    return int(bool(stuck))


def _show(title: str, findings: Sequence[Finding]) -> None:
    """Two lines each, never folded, so that a command can be copied whole."""
    say(title)
    for each in findings:
        say(f"  {each.problem}")
        say(f"      next: {each.next_step}")
