"""What people are told of a run that succeeded: figures, what deserves a look, what to type."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Literal

from lambdas.close_run.comparison import Written
from pipeline import alerts, costs, serving, table_effects
from pipeline.engines import TITLES
from pipeline.ledger import Item
from pipeline.run_documents import PARTS, ManifestFile


def subject(environment: str, run: Item, written: Written) -> str:
    """One line with what counts: how many rules were broken and rows refused, how many rows loaded."""
    broken, refused = len(broken_rules(written)), int(run["rows_quarantined"])
    looks = [
        *([alerts.counted(broken, "broken rule")] if broken else []),
        *([alerts.counted(refused, "refused row")] if refused else []),
        *_looks_of_table(run.get("effect", {})),
    ]
    warned = f" with {' and '.join(looks)}" if looks else ""
    retracted = run.get("retracts")
    mode = f"retraction of {retracted['file_name']}" if retracted else run["mode"]
    what = f"{mode} succeeded{warned}, {alerts.counted(int(run['rows_loaded']), 'row')} loaded"
    return alerts.subject(_severity(run, written), environment, run["dataset"], what)


def facts(environment: str, run: Item, written: Written) -> dict[str, str]:
    """Attributes of the message: a run with broken rules is a quality warning."""
    return alerts.facts(
        kind="quality_warning" if broken_rules(written) else "success",
        severity=_severity(run, written),
        environment=environment,
        dataset=run["dataset"],
        run_id=run["run_id"],
        mode=run["mode"],
    )


def doubts(written: Written) -> list[str]:
    """What the run could not decide or takes for a mistake, in sentences."""
    return [*_ties(written), *_emptied_columns(written), *_dates_after_delivery(written)]


def _emptied_columns(written: Written) -> Iterator[str]:
    """A row is replaced as a whole: what the table had in a column that the new file lacks is gone."""
    for file in written.processed.files:
        emptied = set(file.lacking_columns or ()) - set(file.keeping_columns or ())
        if emptied and file.effect.rows_replaced:
            names = ", ".join(repr(name) for name in file.lacking_columns or () if name in emptied)
            rows = alerts.counted(file.effect.rows_replaced, "row")
            yield (
                f"{file.file_name} has no column {names}, which is now empty in the {rows} that it replaced."
                " If the values are still needed, send the file again with it; the column's `absent: refuse` in the"
                " contract has such files rejected"
            )


def _dates_after_delivery(written: Written) -> Iterator[str]:
    for file in written.processed.files:
        if file.dates_until is not None:
            yield (
                f"{file.file_name} has dates until {file.dates_until}, after the day on which it came: are day and"
                " month exchanged? If such dates are meant, declare `datesAfterDelivery: allow` in the contract"
            )


def _ties(written: Written) -> Iterator[str]:
    """Files of one moment, of which rows gave way to rows with the same key: time did not decide which."""
    gave_way = {file.sha256 for file in written.processed.files if file.effect.rows_outdated}
    by_moment: dict[datetime, list[ManifestFile]] = {}
    for file in written.manifest.files:
        by_moment.setdefault(file.received_at, []).append(file)
    for moment, files in by_moment.items():
        if len(files) > 1 and any(file.sha256 in gave_way for file in files):
            names = ", ".join(file.file_name for file in files)
            yield (
                f"{names} came at the same moment ({moment:%Y-%m-%d %H:%M:%S} UTC): of rows with the same key,"
                f" those of {files[-1].file_name} were kept by its hash; if they differ, send the right file again"
            )


def _looks_of_table(effect: Mapping[str, Any]) -> Iterator[str]:
    """What a load did to the table that nobody may have meant."""
    back = int(effect.get("turned_back", 0))
    others, repeats = int(effect.get("of_others", 0)), int(effect.get("repeated_different", 0))
    if others:
        yield f"{alerts.counted(others, 'row')} of other partners replaced"
    if back:
        yield f"{alerts.counted(back, 'row')} turned back to older values"
    if repeats:
        yield f"{alerts.counted(repeats, 'repeat')} of a key with other values"


def _severity(run: Item, written: Written) -> Literal["info", "warning"]:
    """Info only where nothing needs a look."""
    looks = (
        broken_rules(written),
        doubts(written),
        int(run["rows_quarantined"]),
        run.get("fallbacks"),
        table_effects.needs_a_look(run.get("effect", {})),
        serving.needs_a_look(run.get("served", {})),
    )
    return "warning" if any(looks) else "info"


def body(run: Item, written: Written) -> str:
    """Counts, totals, warnings and the next command first; then each file, since the end of a long message is cut."""
    broken, changes = broken_rules(written), written.processed.schema_changes
    lines = [
        f"Run {run['run_id']} of {run['dataset']} ({run['mode']}) loaded {run['rows_loaded']} of"
        f" {alerts.counted(int(run['rows_read']), 'row')} from {alerts.counted(int(run['file_count']), 'file')} in"
        f" {alerts.counted(int(run['duration_seconds']), 'second')}.",
        *_retracted(run),
        f"Quarantined: {run['rows_quarantined']}. Gave way to a later row of the same key: {run['rows_deduplicated']}.",
        f"In the table: {table_effects.in_words(run.get('effect', {})) or 'nothing changed'}.",
        *_kept_values(written),
        *_engines(run),
        *costs.sentences(run),
        *serving.sentences(run.get("served", {})),
        "",
        *(f"{column}: {total}" for column, total in run["totals"]["loaded"].items()),
        *(
            [
                "",
                "Broken rules, which only warn: their rows are loaded.",
                *(f"- {rule}" for rule in broken),
            ]
            if broken
            else []
        ),
        *(
            ["", "To be looked at:", *(f"- {doubt}" for doubt in doubts(written))]
            if doubts(written)
            else []
        ),
        *(
            [
                "",
                "Changes of tables, as the contract allows:",
                *(f"- {change}" for change in changes),
            ]
            if changes
            else []
        ),
        *(
            ["", "As intake noted:", *(f"- {note}" for note in run["notes"])]
            if run.get("notes")
            else []
        ),
        "",
        "Not touched: files as they came, and every row that these files did not bring.",
        f"Next: {next_command(run)}",
        "",
        "file: read = loaded + quarantined + deduplicated",
    ]
    for file in written.processed.files:
        parts = " + ".join(str(file.rows(part)) for part in PARTS)
        lines.append(f"{file.file_name}: {file.rows_read} = {parts}")
    return "\n".join(lines)


def _retracted(run: Item) -> Iterator[str]:
    """Which file was taken out, for whom and why, and what came back."""
    if told := run.get("retracts"):
        rows = alerts.counted(int(told["rows_taken_out"]), "row")
        refusals = alerts.counted(int(told["refusals_taken_out"]), "refused record")
        came_back = alerts.counted(int(run["effect"].get("new", 0)), "row")
        yield (
            f"Retracted: {told['file_name']} ({told['sha256']}), by {told['by']}: {told['reason']}."
            f" {rows} and {refusals} of it are gone, {came_back} of earlier files came back."
            " Sent again, it is loaded."
        )
        if reopened := int(told["corrections_reopened"]):
            records = alerts.counted(reopened, "refused record")
            yield f"It was a correction: {records} that it had corrected are open again."


def _kept_values(written: Written) -> Iterator[str]:
    """What rows have in columns that their file lacks."""
    for file in written.processed.files:
        if file.keeping_columns:
            names = ", ".join(repr(name) for name in file.keeping_columns)
            rows = alerts.counted(file.rows_keeping or 0, "row")
            yield f"{file.file_name} has no column {names}: {rows} of it have what earlier files said there."
    if amended := written.processed.rows_amended:
        rows = alerts.counted(amended, "row")
        yield f"{rows} of files that lack a column have another value there now, from these files or those before."


def _engines(run: Item) -> Iterator[str]:
    """Nothing of a run that went to Spark on Glue as ever; else which engine did it, why, and what it could not do."""
    engines, fallbacks = run.get("engines", {}), run.get("fallbacks", {})
    if {run.get("engine_chosen", "spark"), *engines.values()} != {"spark"}:
        did = ", ".join(f"{TITLES[engine]} did {job}" for job, engine in engines.items())
        yield f"Engines: {did}. {TITLES[run['engine_chosen']]} was chosen: {run['engine_reason']}."
    for job, why in fallbacks.items():
        could_not = TITLES["emr" if run["engine_chosen"] == "emr" else "duckdb"]
        yield f"WARNING: {could_not} could not do {job}, so Spark did: {why}"


def next_command(run: Item) -> str:
    """Refused rows first, where there are any."""
    if int(run["rows_quarantined"]):
        return f"slipway quarantine list --dataset {run['dataset']} --run {run['run_id']}"
    return f"slipway runs show {run['run_id']} --dataset {run['dataset']}"


def broken_rules(written: Written) -> list[str]:
    """Rules of rows and of tables that were broken, or looked at nothing, and only warn: each with what was found."""
    return list(_broken(written))


def _broken(written: Written) -> Iterator[str]:
    for rule, rows in sorted(written.processed.warnings_by_rule.items()):
        if rows:
            yield f"rule {rule}: {alerts.counted(rows, 'row')}"
    files = written.processed.files
    all_refused = bool(files) and all(file.rows_quarantined == file.rows_read for file in files)
    for result in written.processed.table_rules:
        if result.status == "unproven" and all_refused:
            continue  # the refused rows say why there is nothing to look at
        if result.status != "passed":
            status = result.status.upper()
            yield f"rule {result.rule_id}: {status}: measured {result.measured}, expected {result.expected}"
