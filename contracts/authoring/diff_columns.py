"""Changes of the columns of a dataset, for those who deliver files and those who read the processed table."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import assert_never

from contracts import model, naming
from contracts.authoring.changes import Change, dotted, safe, shown
from contracts.headers import COMPARED, normalized_header
from contracts.model import Column, Contract

STRICTER = "rows that are loaded may break it; a backfill judges them again"
LOOSER = "records in quarantine may keep it now; a backfill judges them again"
OTHERWISE = "rows and records in quarantine may be judged otherwise; a backfill judges them again"
REFUSED = (
    "files written the old way are refused, and so are those in raw when they are loaded again"
)
SNAPSHOTS = "snapshots from before keep the old values until they expire"


def column_changes(old: Contract, new: Contract) -> Iterator[Change]:
    """Every difference between the columns of two contracts."""
    before, after = (
        {column.name: column for column in contract.columns} for contract in (old, new)
    )
    for name in before.keys() - after.keys():
        yield _removed(before[name], new)
    for name in after.keys() - before.keys():
        yield _added(after[name], old, new)
    common = [name for name in before if name in after]
    for name in common:
        yield from _changed(before[name], after[name], new)
    order = [name for name in after if name in before]
    if order != common:
        why = "values are found by name, in files and in tables"
        yield Change(
            field="columns", old=", ".join(common), new=", ".join(order), impact="safe", why=why
        )


def _removed(column: Column, new: Contract) -> Change:
    field, was = f"columns.{column.name}", column.type
    if column.stored_type:
        why = "readers of the table lose the column"
        return Change(
            field=field,
            old=was,
            new=None,
            impact="breaking",
            why=why,
            effect="rebuild",
            table=new.dataset,
        )
    if _is_ignored(column, new):
        why = "it was dropped before the table, and files may still carry it"
        return Change(field=field, old=was, new=None, impact="safe", why=why)
    why = "files that carry it are rejected; list its header in intake.ignoredColumns"
    return Change(field=field, old=was, new=None, impact="breaking", why=why, closes_raw=True)


def _is_ignored(column: Column, contract: Contract) -> bool:
    ignored = {normalized_header(name) for name in contract.intake.ignored_headers}
    return normalized_header(column.source_name) in ignored


def _added(column: Column, old: Contract, new: Contract) -> Change:
    field, kind = f"columns.{column.name}", column.type
    if column.required:
        why = "files without it are rejected, and rows that are loaded have no value for it"
        return Change(
            field=field,
            old=None,
            new=kind,
            impact="breaking",
            why=why,
            effect="rebuild" if column.stored_type else "none",
            table=new.dataset if column.stored_type else None,
            closes_raw=True,
        )
    if new.schema_change != "evolve":
        why = f"files without it are rejected, since schemaChange is {new.schema_change}"
        return Change(field=field, old=None, new=kind, impact="breaking", why=why, closes_raw=True)
    if _is_ignored(column, old) and column.stored_type:
        why = "files in raw may carry values that were skipped; a backfill fills them in"
        return Change(
            field=field, old=None, new=kind, impact="needs backfill", why=why, effect="backfill"
        )
    why = "files without it are still loaded, and rows that are loaded have none"
    return Change(field=field, old=None, new=kind, impact="safe", why=why)


def _changed(old: Column, new: Column, contract: Contract) -> Iterator[Change]:
    owner = f"columns.{old.name}"
    yield from safe(owner, "description", old, new, "only people read it")
    yield from _type(owner, old, new, contract)
    yield from _header_and_format(owner, old, new)
    yield from _required(owner, old, new)
    yield from _absent(owner, old, new)
    yield from _limits(owner, old, new)
    yield from _treatment(owner, old, new, contract)
    yield from _control_total(owner, old, new, contract)
    if old.data_subject != new.data_subject:
        why = "records in quarantine are found by the token of a different column, or of none"
        yield _backfill(owner, "data_subject", old, new, why)


def _backfill(owner: str, name: str, old: Column, new: Column, why: str) -> Change:
    before, after = shown(getattr(old, name)), shown(getattr(new, name))
    return Change(
        field=dotted(owner, name),
        old=before,
        new=after,
        impact="needs backfill",
        why=why,
        effect="backfill",
    )


def _type(owner: str, old: Column, new: Column, contract: Contract) -> Iterator[Change]:
    if old.type == new.type:
        return
    field = dotted(owner, "type")
    if widens(old.type, new.type, contract.table_format):
        why = "every value keeps its meaning; what was refused as too large can be replayed"
        yield Change(field=field, old=old.type, new=new.type, impact="safe", why=why)
    elif old.pii and new.pii:
        why = "the tables keep no value of it, but files are read otherwise"
        yield Change(
            field=field,
            old=old.type,
            new=new.type,
            impact="needs backfill",
            why=why,
            effect="backfill",
        )
    else:
        why = "values would be lost or read otherwise, so the table does not take it in place"
        yield Change(
            field=field,
            old=old.type,
            new=new.type,
            impact="breaking",
            why=why,
            effect="rebuild",
            table=contract.dataset,
        )


def widens(old: str, new: str, table_format: model.TableFormat) -> bool:
    """Whether every value of type `old` is the same value of type `new` and a table promotes the one to the other.

    Source: Apache Iceberg specification, Schema Evolution: int to long, decimal(P, S) to decimal(P', S) with P' > P.
    Delta does so by a feature (typeWidening) that readers other than Spark refuse, so Slipway does not.
    """
    if table_format != "iceberg":
        return False
    if (old, new) == ("int", "bigint"):
        return True
    narrow, wide = model.DECIMAL.match(old), model.DECIMAL.match(new)
    if not narrow or not wide or narrow.group(2) != wide.group(2):
        return False
    return int(wide.group(1)) > int(narrow.group(1))


def _header_and_format(owner: str, old: Column, new: Column) -> Iterator[Change]:
    if normalized_header(old.source_name) == normalized_header(new.source_name):
        yield from safe(owner, "source_name", old, new, COMPARED)
    for name in ("source_name", "format"):
        before, after = getattr(old, name), getattr(new, name)
        alike = name == "source_name" and normalized_header(before) == normalized_header(after)
        if before != after and not alike and old.type == new.type:
            yield Change(
                field=dotted(owner, name),
                old=before,
                new=after,
                impact="breaking",
                why=REFUSED,
                closes_raw=True,
            )


def _required(owner: str, old: Column, new: Column) -> Iterator[Change]:
    if old.required and not new.required:
        yield _backfill(owner, "required", old, new, LOOSER)
    elif new.required and not old.required:
        why = "files that leave it out are rejected, and rows without a value are refused"
        yield Change(
            field=dotted(owner, "required"),
            old="no",
            new="yes",
            impact="breaking",
            why=why,
            effect="backfill",
        )


def _absent(owner: str, old: Column, new: Column) -> Iterator[Change]:
    if old.required != new.required or bool(old.pii) != bool(new.pii):
        return  # whether a file may lack it at all is told as that change
    if new.absent != "refuse":
        does = "its values stay" if new.absent == "keep" else "it is emptied"
        why = f"files without it are loaded from now on, and {does} in the rows that they replace"
        yield from safe(owner, "absent", old, new, why)
    elif old.absent != new.absent:
        yield Change(
            field=dotted(owner, "absent"),
            old=old.absent,
            new=new.absent,
            impact="breaking",
            why="files without it are rejected, and so are those in raw when they are loaded again",
            closes_raw=True,
        )


def _limits(owner: str, old: Column, new: Column) -> Iterator[Change]:
    for name in ("minimum", "maximum", "max_length", "pattern", "allowed"):
        before, after = getattr(old, name), getattr(new, name)
        if name == "allowed" and set(before) == set(after):
            yield from safe(owner, name, old, new, "the same values in a different order")
        elif name in ("minimum", "maximum") and _is_same(before, after, old.type):
            yield from safe(owner, name, old, new, "the same limit, written otherwise")
        elif before != after:
            yield _backfill(owner, name, old, new, _direction(name, before, after, old.type))


def _direction(name: str, before: object, after: object, kind: str) -> str:
    """Whether a limit became stricter or looser, as a reason."""
    if before in (None, ()) or after in (None, ()):
        return STRICTER if before in (None, ()) else LOOSER
    if isinstance(before, tuple) and isinstance(after, tuple):
        is_stricter, is_looser = set(after) < set(before), set(after) > set(before)
    elif name == "pattern":
        return OTHERWISE
    else:
        low, high = _ordered(before, kind), _ordered(after, kind)
        is_stricter = high > low if name == "minimum" else high < low  # type: ignore[operator]  # one column's type
        is_looser = not is_stricter
    return STRICTER if is_stricter else LOOSER if is_looser else OTHERWISE


def _is_same(before: object, after: object, kind: str) -> bool:
    """Whether two limits are one: 5 and 5.00 of a decimal column."""
    return None not in (before, after) and _ordered(before, kind) == _ordered(after, kind)


def _ordered(limit: object, kind: str) -> Decimal | str:
    """A limit as something that compares: dates are ISO 8601 texts."""
    return str(limit) if kind in ("date", "timestamp") else Decimal(str(limit))


def _treatment(owner: str, old: Column, new: Column, contract: Contract) -> Iterator[Change]:
    if old.pii == new.pii:
        return
    keeps_type = old.stored_type == new.stored_type
    becomes_optional_column = old.stored_type is None and not new.required
    is_gentle = (old.pii, new.pii) == ("mask", "hash") or (
        becomes_optional_column and new.pii is not None
    )
    in_place = keeps_type or becomes_optional_column
    yield Change(
        field=dotted(owner, "pii"),
        old=old.pii,
        new=new.pii,
        impact="needs backfill" if is_gentle else "breaking",
        why=_why_treatment(old, new),
        effect="backfill" if in_place else "rebuild",
        table=None if in_place else contract.dataset,
    )


def _why_treatment(old: Column, new: Column) -> str:
    match new.pii:
        case "drop":
            return f"readers of the table lose the column; {SNAPSHOTS}"
        case None:
            return "what was protected becomes readable for all who read the table"
        case "hash":
            form = "tokens"
        case "mask":
            form = "masks"
        case _:
            assert_never(new.pii)
    if old.pii is None:
        return f"readers find {form} in place of values; {SNAPSHOTS}"
    if (old.pii, new.pii) == ("hash", "mask"):
        return "tables can no longer be joined by its tokens"
    return "rows that are loaded hold the old form; a backfill makes them again"


def _control_total(owner: str, old: Column, new: Column, contract: Contract) -> Iterator[Change]:
    if new.control_total and not old.control_total:
        yield from safe(owner, "control_total", old, new, "it is reconciled from the next run on")
    elif old.control_total and not new.control_total:
        yield Change(
            field=dotted(owner, "control_total"),
            old="yes",
            new="no",
            impact="breaking",
            why="it is no longer reconciled, and the quarantine table would lose its column",
            effect="rebuild",
            table=naming.quarantine_table(contract.dataset),
        )
