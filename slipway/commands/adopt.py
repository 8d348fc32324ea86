"""`slipway adopt`: how a new deployment gets back the data that a destroyed one left."""

from __future__ import annotations

import argparse
from pathlib import Path

from contracts.errors import PermanentError
from slipway.acting import adoption
from slipway.console import counted, say
from slipway.deployment import client_of


def run(options: argparse.Namespace) -> int:
    """0 when there is something to take over; the commands are printed in their order, and nothing is changed."""
    environment = options.environment
    found = list(adoption.left_behind(client_of("cloudformation"), environment))
    if not found:
        raise PermanentError(
            f"no deleted stack of environment {environment!r} left anything in the last 90 days;"
            f" to begin with an empty lake: make deploy ENVIRONMENT={environment}"
        )
    folder = Path(options.output)
    say("Type these in this order; the first two of each stack ask before they change anything.")
    for left in found:
        file = left.write(folder)
        say(f"# {left.stack}: {counted(len(left.mapping), 'resource')}")
        say(f"npx cdk import {left.stack} -c environment={environment} --resource-mapping {file}")
        say(f"npx cdk deploy {left.stack} -c environment={environment} --exclusively")
    say(f"make deploy ENVIRONMENT={environment}")
    return 0
