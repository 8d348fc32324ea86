"""`slipway upload`: send files as a partner would and follow them to their fate."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path

from contracts import model, naming
from contracts.errors import PermanentError
from contracts.ignored_names import why_ignored
from slipway.acting import partner, progress
from slipway.console import Stopwatch, counted, say
from slipway.deployment import connect
from slipway.reading import ledgers
from slipway.showing import views

LOADED = ("loaded", "duplicate", "replaced")  # replaced: by a whole upload of the name


def run(options: argparse.Namespace) -> int:
    """0 when every file was loaded or is a duplicate of one that was, 1 when one was not or a run failed."""
    contract = model.load(options.dataset)
    files = [_existing(Path(name)) for name in options.files]
    for file in files:
        _require_delivery(file, contract)
    folder = contract.intake.folder
    deployment = connect(options.environment)
    watch = Stopwatch()
    known = {fate.delivery for fate in ledgers.files(deployment, options.dataset)}
    following = progress.begin(deployment, lambda step: progress.tell(step, watch))
    to = partner.endpoint(deployment, user=options.partner, identity=options.identity)
    with partner.connected(to) as sftp:
        for file in files:
            seconds = partner.send(sftp, file, folder=folder, checksum=contract.intake.checksum)
            watch.say(f"sent {file.name} as {options.partner} in {seconds:.1f} s")
    if options.no_wait:
        return 0
    keys = {naming.landing_folder(options.partner, folder) + file.name for file in files}
    outcome = progress.until_fates(following, dataset=options.dataset, awaited=keys, known=known)
    views.files(outcome.fates)
    views.failures(deployment, outcome.failed_executions)
    _hint(outcome, options.dataset)
    refused = [
        fate for fate in outcome.fates if fate.landing_key in keys and fate.status not in LOADED
    ]
    for fate in refused:
        say(f"{fate.file_name} was not loaded ({fate.status}); next: {_next_step(fate)}")
    return int(bool(outcome.failed_executions or refused))


def _next_step(fate: ledgers.FileFate) -> str:
    if fate.status == "rejected":
        return "slipway files list --status rejected"
    if fate.status == "incomplete":
        return f"send it again, or: slipway files accept {shlex.quote(fate.landing_key)}"
    return f"slipway files show {fate.sha256[: ledgers.SHORT_HASH]} --dataset {fate.dataset}"


def _hint(outcome: progress.Outcome, dataset: str) -> None:
    refused = sum(fate.rows_quarantined or 0 for fate in outcome.fates)
    if refused:
        say(
            f"{counted(refused, 'row')} in quarantine; next: slipway quarantine list --dataset {dataset}"
        )


def _require_delivery(file: Path, contract: model.Contract) -> None:
    """Raises PermanentError when intake would ignore a file of this name, so that nobody waits for its fate."""
    if why := why_ignored(file.name, contract.intake.suffixes):
        agreed = " or ".join(contract.intake.suffixes)
        raise PermanentError(
            f"{file.name} is {why}, so intake would ignore it; rename it to end with {agreed} and upload it again"
        )


def _existing(file: Path) -> Path:
    if not file.is_file():
        raise PermanentError(f"{file} is not a file")
    return file
