"""`slipway query`: one SELECT, answered by Athena."""

from __future__ import annotations

import argparse

from slipway import lake
from slipway.console import counted, table
from slipway.deployment import connect


def run(options: argparse.Namespace) -> int:
    """Print the answer as a table or as CSV."""
    answer = lake.query(connect(options.environment), options.sql)
    if options.format == "csv":
        print(answer.to_csv(index=False), end="")
        return 0
    numeric = [position for position, name in enumerate(answer.columns) if lake.is_figure(answer[name])]
    table(counted(len(answer), "row"), list(answer.columns), lake.plain(answer), right=numeric)
    return 0
