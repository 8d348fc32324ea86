"""`slipway report`: the dashboard of a dataset or mart as one HTML file that opens anywhere."""

from __future__ import annotations

import argparse
import webbrowser
from pathlib import Path

from contracts.errors import PermanentError
from slipway.console import say
from slipway.deployment import connect
from slipway.showing import report


def run(options: argparse.Namespace) -> int:
    """Write the page of what was named, or of each that has a dashboard, and name the files."""
    datasets = (options.dataset,) if options.dataset else report.with_dashboard()
    if options.output and len(datasets) != 1:
        raise PermanentError(
            f"--output is one file; name one with --dataset: {', '.join(datasets) or 'none has any'}"
        )
    deployment = connect(options.environment)
    for dataset in datasets:
        written = report.write(
            deployment, dataset, Path(options.output or f"report-{dataset}.html")
        )
        say(f"{dataset}: {written}")
        if options.open:
            webbrowser.open(written.as_uri())
    return 0
