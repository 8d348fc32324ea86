"""`slipway erase`: the rows of one person leave every table; only a token of the person is sent and kept.

The value comes from a file or standard input, never from the command line, where other users and the shell's history
would see it.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from contracts import naming, personal_data
from contracts.errors import PermanentError
from contracts.model import Column, Contract
from contracts.texts import cleaned
from rows.columns import SUBJECT
from rows.grammar import subject_text
from slipway.acting import operations
from slipway.console import confirm, counted, say
from slipway.deployment import Deployment, connect
from slipway.reading import lake, ledgers, pii_key


def run(options: argparse.Namespace) -> int:
    """0 when the rows are gone, 1 when it failed."""
    contract = ledgers.one_contract(options.dataset)
    column = _subject_column(contract)
    value = _value(options.subject_file)
    deployment = connect(options.environment)
    say(not_reached(contract, options.environment))
    token = personal_data.token(pii_key.read(deployment), subject_text(column.type, value))
    processed, quarantined = _rows(deployment, contract, column, token)
    say(f"token of the subject: {token}")
    # Not counted: the table is there only once a run has written it.
    versions = f"; every version in {naming.history_table(contract.dataset)} leaves with them"
    say(
        f"{counted(processed, 'row')} of {contract.dataset} and {counted(quarantined, 'row')} in quarantine are theirs"
        f"{versions if contract.history else ''}"
    )
    confirm(
        contract.dataset,
        "These rows leave every table, and snapshots with them expire at once.",
        yes=options.yes,
    )
    request: dict[str, object] = {"mode": "erasure", "subject": token}
    return operations.care(deployment, contract.dataset, request, no_wait=options.no_wait)


def not_reached(contract: Contract, environment: str) -> str:
    """What still holds the person afterwards, and until when (stacks/storage.py sets the lifecycles)."""
    settings = f"config/{environment}.yaml"
    return (
        f"Not erased: original files. They stay in raw until {counted(contract.retention.raw_days, 'day')} after they"
        f" came (the contract; {settings} may override it), in landing, also below rejected/, for"
        f" retention.landing_days of {settings}, and as older versions for retention.noncurrent_days more."
    )


def _subject_column(contract: Contract) -> Column:
    if contract.subject_column is None:
        raise PermanentError(
            f"no column of {contract.dataset} is marked `dataSubject: true` in its contract, so the rows of one person"
            " cannot be found"
        )
    return contract.subject_column


def _value(source: str) -> str:
    """The one value in the file, trimmed. Raises PermanentError when there is none, or more than one line."""
    try:
        text = sys.stdin.read() if source == "-" else Path(source).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise PermanentError(f"{source} cannot be read as a text: {error}") from error
    lines = [line for line in map(cleaned, text.splitlines()) if line]
    if len(lines) != 1:
        raise PermanentError(
            f"{source} has {len(lines)} lines with text; it must hold the value of one data subject"
        )
    return lines[0]


def _rows(
    deployment: Deployment, contract: Contract, column: Column, token: str
) -> tuple[int, int]:
    """How many rows the tables hold of the subject: processed, quarantine."""
    theirs = lake.literal(token)
    counts = (
        f"select count(*) from processed.{contract.dataset} where {column.name} = {theirs}",  # noqa: S608 - names of
        f"select count(*) from processed.{naming.quarantine_table(contract.dataset)} where {SUBJECT} = {theirs}",  # noqa: S608 - a validated contract
    )
    processed, quarantined = (int(lake.rows(deployment, sql)[0][0]) for sql in counts)
    return processed, quarantined
