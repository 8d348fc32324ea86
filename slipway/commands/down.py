"""`slipway down`: stop the embedded AWS; its state ends with it."""

from __future__ import annotations

import argparse

from local_cloud import session
from slipway.console import console
from slipway.deployment import state_directory


def run(_options: argparse.Namespace) -> int:
    """Stop every process of the embedded AWS."""
    session.attach(state_directory()).stop()
    console.print("stopped; nothing of it is left running")
    return 0
