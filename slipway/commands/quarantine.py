"""`slipway quarantine`: refused records, one with all its reasons, out to be corrected, back in again, or dismissed."""

from __future__ import annotations

import argparse
import getpass
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from contracts import naming
from contracts.errors import PermanentError
from contracts.model import Contract
from contracts.texts import escaped, shortened
from pipeline.ledger import FileLedger, Item, timestamp
from slipway.acting import export, operations, progress, replay
from slipway.console import Stopwatch, confirm, counted, say, table, warn
from slipway.deployment import Deployment, connect
from slipway.reading import dismissals, ledgers, quarantine_queries
from slipway.reading.ledgers import SHORT_HASH
from slipway.reading.quarantine_queries import Selection
from slipway.showing import views

MOST_SHOWN = 20  # records that are about to be dismissed
TEXT_SHOWN = 60  # characters; `quarantine show` has all of them
COLUMNS = ("file", "hash", "record", "rules", "reasons", "text")


def run(options: argparse.Namespace) -> int:
    """0 when it was done, 1 when a replay was rejected or its run failed."""
    ledgers.contracts_of(options.dataset)  # an unknown dataset is told before anything is asked
    actions = {
        "list": _list,
        "show": _show,
        "export": _export,
        "replay": _replay,
        "dismiss": _dismiss,
    }
    return actions[options.action](connect(options.environment), options)


def lines(
    deployment: Deployment, dataset: str, selection: Selection, *, limit: int
) -> list[tuple[object, ...]]:
    """Refused records as they are listed, with as many cells as COLUMNS and who resolved them."""
    found = quarantine_queries.listed(deployment, dataset, selection, limit=limit)
    left = dismissals.of_dataset(deployment, dataset)
    return [
        (
            name,
            sha256[:SHORT_HASH],
            *cells,
            escaped(shortened(str(text or ""), TEXT_SHOWN)),
            (by or "")[:SHORT_HASH] or ("dismissed" if left.of(sha256, int(cells[0])) else ""),
        )
        for name, sha256, *cells, text, by in found
    ]


def _list(deployment: Deployment, options: argparse.Namespace) -> int:
    for contract in ledgers.contracts_of(options.dataset):
        selection = _selection(deployment, options, resolved=options.all)
        total = quarantine_queries.count(deployment, contract.dataset, selection)
        rows = lines(deployment, contract.dataset, selection, limit=options.limit)
        headers = (*COLUMNS, "resolved by") if options.all else COLUMNS
        shown = f", the newest {len(rows)}" if len(rows) < total else ""
        title = f"{counted(total, 'row')} of {contract.dataset} in quarantine{shown}"
        table(title, headers, [row[: len(headers)] for row in rows], right=[2])
        _tell_replaced(deployment, contract.dataset, selection)
    if options.run:
        _tell_unpublished(deployment, options.run, options.dataset)
    return 0


def _tell_replaced(deployment: Deployment, dataset: str, selection: Selection) -> None:
    """How many records are closed because a newer delivery brought their keys."""
    replaced = quarantine_queries.count_replaced(deployment, dataset, selection)
    if replaced and not selection.resolved:
        have = "has" if replaced == 1 else "have"
        say(
            f"{counted(replaced, 'more record')} {have} been replaced by a newer delivery with the same key, so nothing"
            " is to be done; --all shows them"
        )


def _tell_unpublished(deployment: Deployment, run_id: str, dataset: str | None) -> None:
    """A run that failed published nothing, its refused rows included; its figures are in the quality table."""
    item = ledgers.one_run(deployment, run_id, dataset)
    if item["status"] != "failed":
        return
    columns = "rule_id, status, rows_failed, measured, expected"
    sql = f"select {columns} from processed.{naming.quality_table(item['dataset'])} where run_id = '{run_id}'"  # noqa: S608 - to be shown
    say(
        f'run {run_id} failed, so what it refused was not published. Its figures: slipway query "{sql}"'
    )


def _selection(deployment: Deployment, options: argparse.Namespace, *, resolved: bool) -> Selection:
    files = None
    if options.file:
        files = [ledgers.one_file(deployment, options.file, options.dataset)["sha256"]]
    return Selection(
        files=files,
        run_id=options.run,
        rule=options.rule,
        records=getattr(options, "record", None),
        resolved=resolved,
    )


def _show(deployment: Deployment, options: argparse.Namespace) -> int:
    item = ledgers.one_file(deployment, options.sha256, options.dataset)
    found = quarantine_queries.record(deployment, item["dataset"], item["sha256"], options.record)
    if not found:
        raise PermanentError(
            f"record {options.record} of {item['file_name']} ({item['sha256']}) is not in quarantine"
        )
    _, _, text, run_id, version, resolved_by, resolved_at = found[0]
    left = dismissals.of_dataset(deployment, item["dataset"]).of(item["sha256"], options.record)
    is_open = left.text if left else _state(deployment, item, options.record)
    table(
        f"record {options.record} of {item['file_name']}",
        ("field", "value"),
        [
            ("dataset", item["dataset"]),
            ("file", item["sha256"]),
            ("run", run_id),
            ("contract version", version),
            ("resolved", f"by {resolved_by} at {resolved_at}" if resolved_by else is_open),
        ],
    )
    table("reasons", ("rule", "reason"), [line[:2] for line in found])
    say(str(text))
    return 0


def _state(deployment: Deployment, item: Item, record: int) -> str:
    """Whether a record that nobody corrected or dismissed is open."""
    own = Selection(files=[str(item["sha256"])], records=[record])
    if quarantine_queries.count(deployment, item["dataset"], own):
        return "no, it is open"
    return f"by {quarantine_queries.NEWER}: the table has a newer row with its key"


def _dismiss(deployment: Deployment, options: argparse.Namespace) -> int:
    if not (options.file or options.rule or options.run):
        raise PermanentError("say which records: --file SHA, --rule RULE or --run RUN_ID")
    if options.record and not options.file:
        raise PermanentError("--record needs --file SHA: records are numbered within their file")
    chosen = {
        contract.dataset: quarantine_queries.references(
            deployment, contract.dataset, _selection(deployment, options, resolved=False)
        )
        for contract in ledgers.contracts_of(options.dataset)
    }
    by_file = [pair for files in chosen.values() for pair in files.items()]
    if not by_file:
        raise PermanentError("no open record fits; `slipway quarantine list` shows what is open")
    _show_chosen([line for _, lines in by_file for line in lines])
    number = counted(sum(len(lines) for _, lines in by_file), "record")
    told = f"{number} will not count as open any more; nothing changes in the tables."
    confirm("dismiss", told, yes=options.yes)
    for dataset, files in chosen.items():
        for sha256, lines in files.items():
            _dismiss_of_file(
                deployment, dataset, sha256, [line.row for line in lines], options.reason
            )
    say(f"{number} dismissed: {options.reason}")
    return 0


def _show_chosen(lines: list[quarantine_queries.Reference]) -> None:
    rows = [(line.sha256[:SHORT_HASH], line.row, line.reasons) for line in lines[:MOST_SHOWN]]
    more = f", the first {MOST_SHOWN}" if len(lines) > MOST_SHOWN else ""
    title = f"{counted(len(lines), 'open record')}{more}"
    table(title, ("hash", "record", "reasons"), rows, right=[1])


def _dismiss_of_file(
    deployment: Deployment, dataset: str, sha256: str, records: list[int], reason: str
) -> None:
    done = FileLedger(deployment.file_ledger).dismiss(
        dataset,
        sha256,
        records=dismissals.spans(records),
        by=getpass.getuser(),
        reason=reason,
        moment=timestamp(datetime.now(UTC)),
    )
    if not done:
        raise PermanentError(
            f"{sha256} is not in the file ledger of {dataset}; nothing was dismissed"
        )


def _export(deployment: Deployment, options: argparse.Namespace) -> int:
    selection = _selection(deployment, options, resolved=False)
    written = [
        path
        for contract in ledgers.contracts_of(options.dataset)
        for path in _export_of(deployment, contract, selection, Path(options.output))
    ]
    if written:
        say("Correct the records, keep `_source_row`, then: slipway quarantine replay FILE")
    else:
        say("no open record fits; nothing was written")
    return 0


def _export_of(
    deployment: Deployment, contract: Contract, selection: Selection, folder: Path
) -> Iterator[Path]:
    by_file = quarantine_queries.references(deployment, contract.dataset, selection)
    if not by_file:
        return
    _warn_of_personal_data(contract)
    folder.mkdir(parents=True, exist_ok=True)
    for sha256, references in by_file.items():
        item = ledgers.one_file(deployment, sha256, contract.dataset)
        path = export.write(deployment, contract, item, references, folder)
        say(f"{counted(len(references), 'record')} of {item['file_name']} to {path}")
        yield path


def _contract(deployment: Deployment, dataset: str | None, file: str | None) -> Contract:
    """The contract of the dataset that was named, of the file that was named, or of the only dataset."""
    named = ledgers.one_file(deployment, file, dataset)["dataset"] if file else dataset
    return ledgers.one_contract(named)


def _warn_of_personal_data(contract: Contract) -> None:
    if contract.protected_columns:
        names = ", ".join(column.name for column in contract.protected_columns)
        warn(
            f"these files hold personal data of {contract.dataset} in clear ({names}); delete them once replayed"
        )


def _replay(deployment: Deployment, options: argparse.Namespace) -> int:
    anew = bool(options.file or options.all)
    if anew == bool(options.files):
        raise PermanentError("name corrected files, or --file SHA, or --all")
    if options.engine and not anew:
        raise PermanentError(
            "--engine goes with --file or --all: corrected files that are sent start a run by themselves"
        )
    return _judge_anew(deployment, options) if anew else _send_corrections(deployment, options)


def _judge_anew(deployment: Deployment, options: argparse.Namespace) -> int:
    contract = _contract(deployment, options.dataset, options.file[0] if options.file else None)
    wanted = options.file or list(quarantine_queries.open_by_file(deployment, contract.dataset))
    items = [ledgers.one_file(deployment, sha256, contract.dataset) for sha256 in wanted]
    if not items:
        say(f"no record of {contract.dataset} is open; nothing to replay")
        return 0
    request: dict[str, object] = {"mode": "replay", "files": operations.hashes(items)}
    request |= operations.engine(deployment, options.engine)
    ended = operations.run(deployment, contract.dataset, request, no_wait=options.no_wait)
    if not options.no_wait:
        _tell_open(deployment, contract.dataset, items)
    return ended


def _send_corrections(deployment: Deployment, options: argparse.Namespace) -> int:
    given = [Path(name) for name in options.files]
    corrections = [
        replay.correction(deployment, path, origin=options.origin, dataset=options.dataset)
        for path in given
    ]
    for each in corrections:
        _ask_about_newer(deployment, each, yes=options.yes)
    watch = Stopwatch()
    known = {
        fate.delivery for each in corrections for fate in ledgers.files(deployment, each.dataset)
    }
    following = progress.begin(deployment, lambda step: progress.tell(step, watch))
    for each in corrections:
        replay.send(deployment, each)
        watch.say(
            f"sent {counted(len(each.rows), 'record')} for {each.origin['file_name']} as {each.landing_key}"
        )
    if options.no_wait:
        return 0
    return max([_fate(deployment, following, each, known) for each in corrections])


def _ask_about_newer(deployment: Deployment, each: replay.Correction, *, yes: bool) -> None:
    """A correction is a new delivery, so its rows win: ask where they would replace what came after their origin."""
    try:
        newer = replay.newer_rows(deployment, each)
    except replay.NotComparable as error:
        warn(f"not looked up whether {each.path.name} replaces newer deliveries: {error}")
        return
    if not newer:
        return
    rows = [(line.key, line.file_name, line.received_at) for line in newer[:MOST_SHOWN]]
    title = f"{counted(len(newer), 'row')} that came after {each.origin['file_name']}"
    table(title, ("key", "file", "received at"), rows)
    told = f"{each.path.name} replaces {counted(len(newer), 'row')} of newer deliveries."
    confirm("replace", told, yes=yes)


def _fate(
    deployment: Deployment, watch: progress.Watch, sent: replay.Correction, known: set[str]
) -> int:
    outcome = progress.until_fates(
        watch, dataset=sent.dataset, awaited={sent.landing_key}, known=known
    )
    own = [fate for fate in outcome.fates if fate.landing_key == sent.landing_key]
    views.files(own)
    views.failures(deployment, outcome.failed_executions)
    _tell_open(deployment, sent.dataset, [sent.origin])
    return int(bool(outcome.failed_executions) or any(fate.status == "rejected" for fate in own))


def _tell_open(deployment: Deployment, dataset: str, origins: list[Item]) -> None:
    for origin in origins:
        left = quarantine_queries.count(deployment, dataset, Selection(files=[origin["sha256"]]))
        say(f"{origin['file_name']}: {counted(left, 'record')} still open")
