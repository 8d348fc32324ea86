"""`slipway doctor`: everything that needs a hand, with the next command; it changes nothing."""

from __future__ import annotations

import argparse

from slipway.acting import diagnosis
from slipway.console import counted, say, table
from slipway.deployment import connect


def run(options: argparse.Namespace) -> int:
    """0 when nothing was found, else 1."""
    found = list(diagnosis.findings(connect(options.environment)))
    if not found:
        say("nothing is stuck, unread or unconfirmed")
        return 0
    table(counted(len(found), "finding"), ("what", "next"), [(each.problem, each.next_step) for each in found])
    return 1
