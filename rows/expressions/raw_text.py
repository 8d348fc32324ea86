"""A record as the quarantine shows it: as a line of the same file, but without personal data."""

from __future__ import annotations

from collections.abc import Sequence

from contracts import model
from rows.columns import DAMAGED, STAGED_RULE_IDS, kept_name
from rows.dialect import Dialect
from rows.expressions import checks
from rows.layout import Layout

WITHHELD = "(withheld: it may show personal data; the record itself is in the raw zone)"


def written(dialect: Dialect, contract: model.Contract, layout: Layout) -> str:
    """The text of a refused record, on a relation with its fields, DAMAGED, STAGED_RULE_IDS and what is kept."""
    if not contract.protected_columns:
        return f"coalesce({DAMAGED}, {as_csv(dialect, contract, layout.field_names)})"
    fields = zip(layout.field_names, layout.columns, strict=True)
    shown = [_shown(dialect, contract, field, name) for field, name in fields]
    is_erased = f"array_contains({STAGED_RULE_IDS}, {dialect.text(checks.ERASED)})"
    return (
        f"CASE WHEN {DAMAGED} IS NOT NULL OR {is_erased} THEN {dialect.text(WITHHELD)} "
        f"ELSE {as_csv(dialect, contract, shown)} END"
    )


def as_csv(dialect: Dialect, contract: model.Contract, fields: Sequence[str]) -> str:
    """The record as a line: same fields, same order, quoted where needed; null is nothing, '' two quotes.

    The first field is also quoted when it begins with #, which some readers take for a comment.
    """
    delimiter = contract.intake.delimiter
    first, *others = fields
    lines = [
        _as_field(dialect, first, delimiter, f"{first} LIKE '#%' OR "),
        *(_as_field(dialect, field, delimiter) for field in others),
    ]
    return f" || {dialect.text(delimiter)} || ".join(lines)


def _as_field(dialect: Dialect, field: str, delimiter: str, or_quoted: str = "") -> str:
    escaped = f"\\{delimiter}" if delimiter in r"\^-[]&" else delimiter
    special = dialect.matches(field, rf'["\r\n{escaped}]')
    quoted = f"'\"' || replace({field}, '\"', '\"\"') || '\"'"
    return (
        f"CASE WHEN {field} IS NULL THEN '' WHEN {field} = '' THEN '\"\"' "
        f"WHEN {or_quoted}{special} THEN {quoted} ELSE {field} END"
    )


def _shown(dialect: Dialect, contract: model.Contract, field: str, name: str | None) -> str:
    """A field of a record with personal data; nobody has classified one that the contract ignores."""
    if name is None or contract.column(name).pii == "drop":
        return f"CAST(NULL AS {dialect.type('string')})"
    return dialect.name(kept_name(name)) if contract.column(name).pii else field
