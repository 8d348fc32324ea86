"""What must hold for columns with personal data: each says how it is protected, and nothing else needs its value."""

from __future__ import annotations

from collections.abc import Iterator

from contracts.authoring.parsed import ParsedColumn
from contracts.authoring.problems import Path
from contracts.authoring.yaml_lines import Document

SUBJECT_TYPES = ("string", "int", "bigint")


def check_personal_data(columns: list[ParsedColumn], document: Document) -> None:
    """Record the mistakes of every column of the dataset's own table."""
    for column in columns:
        _check_treatment(column, document)
        if column.pii:
            for path, message in _needed_elsewhere(column):
                document.problem(path, message)
    _check_subject(columns, document)


def _check_treatment(column: ParsedColumn, document: Document) -> None:
    is_personal, treatment = column.spec.classification == "pii", column.custom.pii_treatment
    if is_personal and treatment is None:
        message = "found 'pii'; add the custom property piiTreatment with hash, mask or drop"
        document.problem((*column.path, "classification"), message)
    if treatment and not is_personal:
        message = f"found {treatment!r} on a column that is not classified; add classification: pii"
        document.problem(column.custom_paths["piiTreatment"], message)


def _needed_elsewhere(column: ParsedColumn) -> Iterator[tuple[Path, str]]:
    """Uses of a protected column that need its value."""
    spec, treatment = column.spec, column.pii
    if column.custom.control_total:
        message = "a control total is the sum of a column's values, and personal data has none in the tables; remove it"
        yield column.custom_paths["controlTotal"], message
    if spec.partitioned:
        yield (
            (*column.path, "partitioned"),
            "tables are not partitioned by personal data; choose another column",
        )
    if spec.primary_key and treatment != "hash":
        message = f"a key must stay distinct, and {treatment!r} does not keep it so; hash it or choose another key"
        yield (*column.path, "primaryKey"), message


def _check_subject(columns: list[ParsedColumn], document: Document) -> None:
    first: Path | None = None
    for column in (column for column in columns if column.custom.data_subject):
        path = column.custom_paths["dataSubject"]
        if column.pii != "hash":
            message = "a data subject is found by its token, so it needs classification: pii and piiTreatment: hash"
            document.problem(path, message)
        elif column.spec.physical_type not in SUBJECT_TYPES:
            found = f"column {column.spec.name!r} is {column.spec.physical_type}"
            document.problem(path, f"{found}; a data subject is one of {', '.join(SUBJECT_TYPES)}")
        if first:
            document.problem(
                path, f"a second data subject, first on line {document.line(first)}; keep one"
            )
        first = first or path
