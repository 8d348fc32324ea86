"""`slipway up`: deploy the synthesized application into an embedded AWS, started unless one runs already."""

from __future__ import annotations

import argparse
from pathlib import Path

from contracts.errors import PermanentError
from local_cloud import deployment, rehearsal, session
from slipway.console import Stopwatch, console
from slipway.deployment import state_directory


def bring_up(
    watch: Stopwatch, engine: str | None = None, settings: Path | None = None
) -> session.LocalCloud:
    """Start and deploy, telling progress; stops what it started when the deployment fails.

    Raises PermanentError before that when `settings` is no file.
    """
    _require_file(settings)
    cloud = session.start(state_directory(), on_progress=watch.say)
    try:
        _deploy(cloud, watch, engine, settings)
    except BaseException:
        cloud.stop()
        raise
    return cloud


def run(options: argparse.Namespace) -> int:
    """Leave a deployed embedded AWS running; one that runs keeps its data, also when the deployment fails."""
    watch = Stopwatch()
    running = session.running(state_directory())
    if running is None:
        cloud = bring_up(watch, options.engine, options.settings)
    else:
        cloud = running
        watch.say(
            f"the embedded AWS runs at {cloud.endpoint}; the application is deployed into it again, data stay"
        )
        _deploy(cloud, watch, options.engine, options.settings)
    console.print(
        f"\nThe embedded AWS answers at {cloud.endpoint}, SFTP at 127.0.0.1:{cloud.sftp_port}. Next:"
    )
    console.print("  slipway upload --dataset sales_records FILE")
    console.print('  slipway query "select * from curated.sales_by_month_item limit 5"')
    console.print("  slipway down")
    return 0


def _deploy(
    cloud: session.LocalCloud, watch: Stopwatch, engine: str | None, settings: Path | None
) -> None:
    _require_file(settings)
    if settings is not None:
        watch.say(f"{settings} is rehearsed: " + ", ".join(rehearsal.of(settings).replaced))
    recorded = deployment.deploy(cloud, engine=engine, settings=settings, on_progress=watch.say)
    if recorded:
        watch.say("recorded only, not emulated here: " + ", ".join(sorted(recorded)))


def _require_file(settings: Path | None) -> None:
    if settings is not None and not settings.is_file():
        raise PermanentError(f"{settings} is no file of settings, such as config/prod.yaml")
