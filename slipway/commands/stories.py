"""The other stories of `slipway demo`: a shop's database, and a marketplace of related files."""

from __future__ import annotations

import argparse

from slipway.acting import example_project, marketplace_story, shop_story
from slipway.commands import up
from slipway.console import Stopwatch, console, say, table
from slipway.deployment import LOCAL, connect, state_directory


def shop(options: argparse.Namespace) -> int:
    """0 when the shop's table and the lake agree row for row and to the cent, else 1."""
    watch = Stopwatch()
    cloud = up.bring_up(watch, options.engine)
    try:
        ending = shop_story.tell(connect(LOCAL), watch, orders=options.rows, seed=options.seed)
    finally:
        if not options.keep:
            cloud.stop()
    headers = ("account", "orders", "revenue", "cost", "profit")
    rows = [(each.label, *(f"{figure:,}" for figure in each.figures)) for each in ending.accounts]
    table("the shop and the lake", headers, rows, right=range(1, len(headers)))
    _say_differences(ending.differences)
    if not ending.differences:
        console.print("[bold green]every row and cent of the shop is in the lake[/bold green]")
    return int(bool(ending.differences))


def marketplace(options: argparse.Namespace) -> int:
    """0 when every mart is what plain Python makes of the files, else 1; in a copy of the project that has them."""
    if not marketplace_story.is_told_here():
        project = example_project.made(marketplace_story.FOLDER, state_directory() / "marketplace")
        say(f"{marketplace_story.FOLDER} is added to a copy of this project: {project}")
        given = ["demo", "--story", "marketplace"]
        given += ["--keep"] if options.keep else []
        given += ["--engine", options.engine] if options.engine else []
        code = example_project.run(project, "slipway", *given).returncode
        if options.keep:
            say(f"to ask it more: cd {project}; .venv/bin/python -m slipway mart list")
        return code
    watch = Stopwatch()
    cloud = up.bring_up(watch, options.engine)
    try:
        found = marketplace_story.tell(connect(LOCAL), watch, marketplace_story.FOLDER / "files")
        wrong = marketplace_story.findings(connect(LOCAL))
    finally:
        if not options.keep:
            cloud.stop()
    faults = [
        (one.dataset, one.rule_id, f"{one.rows_failed:,} of {one.rows_checked:,}") for one in wrong
    ]
    table(
        "what the newest file of each contradicts", ("dataset", "rule", "rows"), faults, right=(2,)
    )
    rows = [(f"curated.{each.mart}", f"{each.rows:,}", each.detail) for each in found]
    table("marts after the correction", ("mart", "rows", "its last publication"), rows, right=(1,))
    differences = [difference for each in found for difference in each.differences]
    _say_differences(differences)
    if not differences:
        console.print("[bold green]every row of every mart is what the files say[/bold green]")
    say(f"whole story: {watch.seconds:.1f} s")
    return int(bool(differences))


def _say_differences(differences: tuple[str, ...] | list[str]) -> None:
    for difference in differences:
        say(f"does not agree: {difference}")
