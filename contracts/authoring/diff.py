"""What a change of a contract means for partners, readers and the rows that are there: pure, over two contracts."""

from __future__ import annotations

from collections.abc import Iterator

from contracts.authoring.changes import IMPACTS, Change, Impact, dotted, safe, shown
from contracts.authoring.diff_columns import REFUSED, column_changes
from contracts.authoring.diff_tables import curated_changes, rule_changes
from contracts.errors import ContractInvalid
from contracts.model import Contract, Intake

ORDER_OF_STRICTNESS = ("reject", "strict", "evolve")
SAFE_HEAD = {
    "description": "only people read it",
    "owner": "only people read it",
    "alert_email": "alerts go to a different address",
    "freshness_hours": "only an alarm changes",
    "days_without_files": "only an alarm changes",
    "dates_after_delivery": "only a warning changes",
    "write_back": "the next run fills the table of the internal database; one that is there stays as it is",
    "max_quarantined_share": "it judges the next run, and no row that is there",
}


def diff(old: Contract, new: Contract) -> tuple[Change, ...]:
    """Every change from `old` to `new`, the gravest first; the version is no change.

    Raises ContractInvalid when the two are not contracts of one dataset.
    """
    if old.dataset != new.dataset:
        raise ContractInvalid(
            f"{old.dataset!r} and {new.dataset!r} are two datasets; compare two versions of one contract"
        )
    found = [
        *_head(old, new),
        *_intake(old.intake, new.intake),
        *_replacing(old, new),
        *column_changes(old, new),
        *_layout(old, new),
        *rule_changes(old, new),
        *_keeping(old, new),
        *_history(old, new),
        *curated_changes(old, new),
    ]
    return tuple(sorted(found, key=lambda change: (IMPACTS.index(change.impact), change.field)))


def gravest(found: tuple[Change, ...]) -> Impact:
    """The impact of all changes together; safe when there is none."""
    return min((change.impact for change in found), key=IMPACTS.index, default="safe")


def _head(old: Contract, new: Contract) -> Iterator[Change]:
    for name, why in SAFE_HEAD.items():
        yield from safe("", name, old, new, why)


def _intake(old: Intake, new: Intake) -> Iterator[Change]:
    if old.folder != new.folder:
        why = "partners must upload to a different folder"
        yield Change(
            field="intake.folder", old=old.folder, new=new.folder, impact="breaking", why=why
        )
    if old.delimiter != new.delimiter:
        yield Change(
            field="intake.delimiter",
            old=repr(old.delimiter),
            new=repr(new.delimiter),
            impact="breaking",
            why=REFUSED,
            closes_raw=True,
        )
    if old.max_bytes > new.max_bytes:
        why = "larger files are rejected"
        sizes = str(old.max_bytes), str(new.max_bytes)
        yield Change(
            field="intake.max_bytes", old=sizes[0], new=sizes[1], impact="breaking", why=why
        )
    else:
        yield from safe("intake", "max_bytes", old, new, "files that were accepted still are")
    for name, what in (
        ("suffixes", "files with such a name"),
        ("ignored_headers", "files that carry the column"),
    ):
        yield from _accepted(name, getattr(old, name), getattr(new, name), what)
    yield from _partners(old, new)
    yield from safe("intake", "redelivery", old, new, "it judges what comes from now on")
    if new.checksum and new.checksum != old.checksum:
        yield Change(
            field="intake.checksum",
            old=old.checksum or "none",
            new=new.checksum,
            impact="breaking",
            why="a file waits for its checksum beside it, and is set aside without one",
        )
    else:
        yield from safe("intake", "checksum", old, new, "files wait for no checksum any more")


def _replacing(old: Contract, new: Contract) -> Iterator[Change]:
    for name in ("share", "others_share", "conflicting_repeats_share"):
        why = "it judges the next load, and no row that is there"
        yield from safe("replacing", name, old.replacing, new.replacing, why)


def _partners(old: Intake, new: Intake) -> Iterator[Change]:
    """Nobody in the list means everybody, so that the first name shuts others out."""
    shut_out = bool(new.partners) and not (old.partners and set(old.partners) <= set(new.partners))
    if old.partners != new.partners:
        why = (
            "files of partners who are not in the list are rejected"
            if shut_out
            else "files that were accepted still are"
        )
        yield Change(
            field="intake.partners",
            old=shown(old.partners),
            new=shown(new.partners),
            impact="breaking" if shut_out else "safe",
            why=why,
        )


def _accepted(name: str, old: tuple[str, ...], new: tuple[str, ...], what: str) -> Iterator[Change]:
    """A list of what intake accepts: less of it breaks, more of it does not."""
    lost = set(old) - set(new)
    if lost:
        why = f"{what} ({', '.join(sorted(lost))}) are rejected"
        yield Change(
            field=f"intake.{name}", old=shown(old), new=shown(new), impact="breaking", why=why
        )
    elif old != new:
        why = "files that were accepted still are"
        yield Change(field=f"intake.{name}", old=shown(old), new=shown(new), impact="safe", why=why)


def _layout(old: Contract, new: Contract) -> Iterator[Change]:
    reasons = {
        "key": "which row replaces which changes for every row that is there",
        "partition_column": "the table is partitioned by it, and that cannot change in place",
        "partition_transform": "the table is partitioned by it, and that cannot change in place",
        "table_format": "the files of the table have the old format",
    }
    for name, why in reasons.items():
        before, after = getattr(old, name), getattr(new, name)
        if before != after:
            yield Change(
                field=name,
                old=shown(before),
                new=shown(after),
                impact="breaking",
                why=why,
                effect="rebuild",
                table=new.dataset,
            )


def _keeping(old: Contract, new: Contract) -> Iterator[Change]:
    if old.schema_change != new.schema_change:
        is_stricter = ORDER_OF_STRICTNESS.index(new.schema_change) < ORDER_OF_STRICTNESS.index(
            old.schema_change
        )
        why = (
            "files that were accepted may be rejected"
            if is_stricter
            else "files that were accepted still are"
        )
        yield Change(
            field="schema_change",
            old=old.schema_change,
            new=new.schema_change,
            impact="breaking" if is_stricter else "safe",
            why=why,
        )
    for name in ("target_file_mb", "snapshot_days", "least_snapshots", "orphan_days"):
        why = "the next maintenance goes by it; no row changes"
        yield from safe("maintenance", name, old.maintenance, new.maintenance, why)
    yield from safe(
        "retention",
        "raw_archive_after_days",
        old.retention,
        new.retention,
        "only the storage class of files changes",
    )
    for name in ("raw_days", "processed_days", "quarantine_days"):
        yield from _retention(name, getattr(old.retention, name), getattr(new.retention, name))


def _history(old: Contract, new: Contract) -> Iterator[Change]:
    if old.history and not new.history:
        yield Change(
            field="history",
            old="yes",
            new="no",
            impact="breaking",
            why="versions that are delivered from now on are not kept; the table stays, and rows still leave it",
        )
    elif new.history and not old.history:
        yield Change(
            field="history",
            old="no",
            new="yes",
            impact="safe",
            why="it begins with the next run; `slipway backfill` fills it with the files that are still in raw",
        )


def _retention(name: str, old: int | None, new: int | None) -> Iterator[Change]:
    if old == new:
        return
    field = dotted("retention", name)
    if new is not None and (old is None or new < old):
        why = f"what is older than {new} days leaves, and does not come back"
        yield Change(field=field, old=shown(old), new=shown(new), impact="breaking", why=why)
    else:
        yield Change(
            field=field, old=shown(old), new=shown(new), impact="safe", why="data is kept longer"
        )
