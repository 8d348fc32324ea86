"""Hand a parsed command line over to one module per command.

Commands are imported only when used: `slipway --help` must not pay for pandas, nor `slipway down` for SFTP.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

from contracts.errors import SlipwayError
from slipway.grammar import build_parser

EXIT_FAILED = 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code: 0 done, 1 something failed or does not add up, 2 wrong usage."""
    options = build_parser().parse_args(arguments)
    command = importlib.import_module(f"slipway.commands.{options.command}")
    try:
        return int(command.run(options))
    except SlipwayError as error:
        problem = str(error)
    except KeyboardInterrupt:
        problem = "interrupted; what was started in AWS keeps running"
    except Exception as error:
        if not _is_from_aws(error):
            raise
        problem = f"{error}; AWS was asked in --environment {options.environment}"
    print(f"slipway {options.command}: {problem}", file=sys.stderr)
    return EXIT_FAILED


def _is_from_aws(error: Exception) -> bool:
    """Whether AWS or the way to it refused a call; by name, so that parsing does not pay for botocore."""
    return any(kind.__module__.startswith("botocore.") for kind in type(error).__mro__)


if __name__ == "__main__":
    sys.exit(main())
