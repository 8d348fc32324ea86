"""`slipway up`: start the embedded AWS and deploy the synthesized application into it."""

from __future__ import annotations

import argparse

from local_cloud import deployment, session
from slipway.console import Stopwatch, console
from slipway.deployment import state_directory


def bring_up(watch: Stopwatch) -> session.LocalCloud:
    """Start and deploy, telling progress; stops what it started when the deployment fails."""
    cloud = session.start(state_directory(), on_progress=watch.say)
    try:
        recorded = deployment.deploy(cloud, on_progress=watch.say)
    except BaseException:
        cloud.stop()
        raise
    if recorded:
        watch.say("recorded only, not emulated here: " + ", ".join(sorted(recorded)))
    return cloud


def run(_options: argparse.Namespace) -> int:
    """Leave a deployed embedded AWS running."""
    cloud = bring_up(Stopwatch())
    console.print(f"\nThe embedded AWS answers at {cloud.endpoint}, SFTP at 127.0.0.1:{cloud.sftp_port}. Next:")
    console.print("  slipway upload --dataset sales_records FILE")
    console.print('  slipway query "select * from curated.sales_by_month_item limit 5"')
    console.print("  slipway down")
    return 0
