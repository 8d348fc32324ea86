"""The other stories of `slipway demo`: a table of a shop, and the whole database of a marketplace."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from slipway.acting import (
    example_project,
    marketplace_story,
    shop_story,
)
from slipway.commands import up
from slipway.console import Stopwatch, console, say, table
from slipway.deployment import LOCAL, connect, state_directory

ROWS_OF_A_SHOP, ROWS_OF_A_MARKETPLACE = 100_000, 20_000


def shop(options: argparse.Namespace) -> int:
    """0 when the shop's table and the lake agree row for row and to the cent, else 1."""
    watch = Stopwatch()
    cloud = up.bring_up(watch, options.engine)
    try:
        ending = shop_story.tell(
            connect(LOCAL), watch, orders=options.rows or ROWS_OF_A_SHOP, seed=options.seed
        )
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
    """0 when everything that came of the shop's database is what the shop says, else 1; in a copy that has it all."""
    if not marketplace_story.is_told_here():
        project = example_project.made(marketplace_story.FOLDER, state_directory() / "marketplace")
        say(f"{marketplace_story.FOLDER} is added to a copy of this project: {project}")
        given = ["demo", "--story", "marketplace"]
        given += ["--seed", str(options.seed)]
        given += ["--rows", str(options.rows)] if options.rows else []
        given += ["--keep"] if options.keep else []
        given += ["--engine", options.engine] if options.engine else []
        code = example_project.run(project, "slipway", *given).returncode
        if options.keep:
            say(f"to ask it more: cd {project}; .venv/bin/python -m slipway mart list")
        return code
    watch = Stopwatch()
    cloud = up.bring_up(watch, options.engine)
    try:
        ending = marketplace_story.tell(
            connect(LOCAL),
            watch,
            marketplace_story.FOLDER / "files",
            rows=options.rows or ROWS_OF_A_MARKETPLACE,
            seed=options.seed,
        )
        wrong = marketplace_story.findings(connect(LOCAL))
    finally:
        if not options.keep:
            cloud.stop()
    faults = [
        (one.dataset, one.rule_id, f"{one.rows_failed:,} of {one.rows_checked:,}") for one in wrong
    ]
    table(
        "rules that rows break and that warn, as the last run of each table found them",
        ("dataset", "rule", "rows"),
        faults,
        right=(2,),
    )
    _show_tables(ending)
    differences = ending.differences
    _say_differences(differences)
    if not differences:
        console.print(
            "[bold green]every row and cent of the shop's database is in the lake and its marts[/bold green]"
        )
    say(f"whole story: {watch.seconds:.1f} s")
    return int(bool(differences))


def _show_tables(ending: marketplace_story.Compared) -> None:
    asked = ending.tables[0].asked
    rows = [
        (
            each.table,
            f"{each.rows:,}",
            "" if each.money is None else f"{each.money:,}",
            *(_agrees(each.table, name, each.differences) for name in asked),
        )
        for each in ending.tables
    ]
    headers = ("table of the shop", "rows", "money", *asked)
    table(
        "after the last source run, each compared with the shop row for row",
        headers,
        rows,
        right=(1, 2),
    )
    holders = ending.marts[0].asked
    marts = [
        (
            f"curated.{each.mart}",
            f"{each.rows:,}",
            each.detail,
            *(_agrees(each.mart, holder, each.differences) for holder in holders),
        )
        for each in ending.marts
    ]
    headers = ("mart", "rows", "its last publication", *holders)
    table(
        "marts, each compared with what plain Python makes of the shop", headers, marts, right=(1,)
    )


def _agrees(name: str, account: str, differences: Sequence[str]) -> str:
    label = f"{name}, {account}:"
    return "differs" if any(each.startswith(label) for each in differences) else "agrees"


def _say_differences(differences: tuple[str, ...] | list[str]) -> None:
    for difference in differences:
        say(f"does not agree: {difference}")
