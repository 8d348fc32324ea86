"""Parse the command line and hand over to one module per command.

Commands are imported only when used: `slipway --help` must not pay for pandas, nor `slipway down` for SFTP.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

from contracts.errors import SlipwayError

EXIT_FAILED = 1
EXIT_USAGE = 2


def build_parser() -> argparse.ArgumentParser:
    """The whole command line; every sub-command names the module that carries it out."""
    parser = argparse.ArgumentParser(prog="slipway", description="Run, feed and question a Slipway pipeline.")
    parser.add_argument(
        "--environment",
        default="local",
        help="settings in config/<environment>.yaml (default: local, the embedded AWS)",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    demo = commands.add_parser("demo", help="start, deploy, upload sample files, and show every row and cent")
    demo.add_argument("--rows", type=int, default=100_000, help="rows in all (default: 100000)")
    demo.add_argument("--months", type=int, default=24, help="monthly files (default: 24)")
    demo.add_argument("--seed", type=int, default=7, help="seed of the generator (default: 7)")
    demo.add_argument("--keep", action="store_true", help="leave the embedded AWS running afterwards")

    commands.add_parser("up", help="start the embedded AWS and deploy the application into it")
    commands.add_parser("down", help="stop the embedded AWS and everything that runs in it")

    upload = commands.add_parser("upload", help="send files as a partner would, by SFTP, and follow them")
    upload.add_argument("files", nargs="+", metavar="FILE")
    upload.add_argument("--dataset", required=True)
    upload.add_argument("--no-wait", action="store_true", help="return once the files are sent")
    _add_partner(upload)

    runs = commands.add_parser("runs", help="list runs, show one, or start one")
    runs.add_argument("action", nargs="?", choices=("list", "show", "start"), default="list")
    runs.add_argument("run_id", nargs="?")
    runs.add_argument("--dataset", default="sales_records")

    query = commands.add_parser("query", help="ask Athena; tables: processed.<dataset>, curated.<model>")
    query.add_argument("sql")
    query.add_argument("--format", choices=("table", "csv"), default="table")

    quarantine = commands.add_parser("quarantine", help="rows that were refused, with their reasons")
    quarantine.add_argument("action", choices=("list",))
    quarantine.add_argument("--dataset", default="sales_records")
    quarantine.add_argument("--limit", type=int, default=20)
    return parser


def _add_partner(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--partner", default="acme", help="SFTP user (default: acme)")
    parser.add_argument("--identity", help="private key file; the embedded AWS makes its own")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code: 0 done, 1 something failed or does not add up, 2 wrong usage."""
    options = build_parser().parse_args(arguments)
    command = importlib.import_module(f"slipway.commands.{options.command}")
    try:
        return int(command.run(options))
    except SlipwayError as error:
        print(f"slipway {options.command}: {error}", file=sys.stderr)
        return EXIT_FAILED
    except KeyboardInterrupt:
        print(f"slipway {options.command}: interrupted", file=sys.stderr)
        return EXIT_FAILED


if __name__ == "__main__":
    sys.exit(main())
