"""What must hold for each column of a contract."""

from __future__ import annotations

from collections.abc import Iterable

from contracts.authoring import values
from contracts.authoring.parsed import ParsedColumn, may_keep, may_lack
from contracts.authoring.problems import Path
from contracts.authoring.yaml_lines import Document
from contracts.headers import A_NAME, COMPARED, NAMELESS, normalized_header
from contracts.texts import cleaned, is_quoted

ORDERED = ("int", "bigint", "decimal", "date", "timestamp")


def check_columns(columns: list[ParsedColumn], document: Document) -> None:
    """Mistakes in names, types and keys, of any table."""
    _unique([(column.path, column.spec.name) for column in columns], "column", document)
    for column in columns:
        _report(document, (*column.path, "name"), values.wrong_name(column.spec.name))
        _check_type(column, document)
    _check_key(columns, document)


def check_processed(columns: list[ParsedColumn], document: Document) -> None:
    """Mistakes in what is enforced when files are read."""
    distinct = {
        column.spec.name: column for column in reversed(columns)
    }.values()  # a repeated name is reported before
    headers = [
        (column.path, normalized_header(column.spec.physical_name or column.spec.name))
        for column in distinct
    ]
    named = [(path, header) for path, header in headers if header != NAMELESS]
    _unique(reversed(named), "header", document, COMPARED)
    has_key = any(column.spec.primary_key for column in columns)
    for column in columns:
        _check_header(column, document)
        if values.wrong_type(column.spec.physical_type) is None:
            _check_format(column, document)
            _check_limits(column, document)
            _check_text_options(column, document)
            _check_allowed(column, document)
            _check_control_total(column, document)
        _check_absent(column, document, has_key=has_key)
    _check_partition(columns, document)


def check_curated(columns: list[ParsedColumn], document: Document, *, in_warehouse: bool) -> None:
    """Mistakes in columns of an aggregate, where nothing is parsed and so nothing of it can be enforced.

    But for the length of a text: a table in the warehouse has it in its DDL.
    """
    for column in columns:
        spec = column.spec
        enforced = {"max_length"} if in_warehouse else set()
        options = spec.logical_type_options.model_dump(exclude_none=True, exclude=enforced)
        set_here = {
            "logicalTypeOptions": bool(options),
            "quality": bool(spec.quality),
            "partitioned": spec.partitioned,
            "partitionKeyPosition": spec.partition_key_position is not None,
            "physicalName": spec.physical_name is not None,
            "customProperties": bool(spec.custom_properties),
            "classification": spec.classification == "pii",
        }
        for field in (name for name, given in set_here.items() if given):
            document.problem(
                (*column.path, field), f"{field} is not enforced on a curated column; remove it"
            )
        if in_warehouse:
            _check_text_options(column, document)


def _report(document: Document, path: Path, message: str | None) -> None:
    if message:
        document.problem(path, message)


def _unique(
    items: Iterable[tuple[Path, str]], what: str, document: Document, note: str = ""
) -> None:
    first: dict[str, Path] = {}
    for path, name in items:
        if name in first:
            where = f"first on line {document.line((*first[name], 'name'))}"
            document.problem(
                (*path, "name"),
                f"duplicate {what} {name!r}, {where}" + (f"; {note}" if note else ""),
            )
        first.setdefault(name, path)


def _check_header(column: ParsedColumn, document: Document) -> None:
    name = column.spec.physical_name
    if name is not None and normalized_header(name) == NAMELESS:
        document.problem((*column.path, "physicalName"), f"found {name!r}; {A_NAME}")


def _check_absent(column: ParsedColumn, document: Document, *, has_key: bool) -> None:
    path = column.custom_paths.get("absent")
    if path and not may_lack(column):
        message = "a file always has a column that is required, of the key or classified as pii; remove absent"
        document.problem(path, message)
    elif path and column.custom.absent == "keep" and not may_keep(column, has_key=has_key):
        message = (
            "found 'keep', but money that is added up (controlTotal) would be loaded without having been read, and "
            "without a key no row replaces another; write clear or refuse"
        )
        document.problem(path, message)


def _check_type(column: ParsedColumn, document: Document) -> None:
    spec = column.spec
    message = values.wrong_type(spec.physical_type)
    _report(document, (*column.path, "physicalType"), message)
    if message is None and spec.logical_type != values.logical_type(spec.physical_type):
        expected = values.logical_type(spec.physical_type)
        text = f"found {spec.logical_type!r}; expected {expected!r} for physicalType {spec.physical_type!r}"
        document.problem((*column.path, "logicalType"), text)


def _check_key(columns: list[ParsedColumn], document: Document) -> None:
    keys = [column for column in columns if column.spec.primary_key]
    for column in columns:
        if column.spec.primary_key_position is not None and not column.spec.primary_key:
            document.problem(
                (*column.path, "primaryKeyPosition"), "is given without primaryKey: true; add it"
            )
    for column in keys:
        if not column.spec.required:
            document.problem(
                (*column.path, "primaryKey"), "a key column must have required: true; add it"
            )
    positions = sorted(column.spec.primary_key_position or 0 for column in keys)
    if len(keys) > 1 and positions != list(range(1, len(keys) + 1)):
        for column in keys:
            position = column.spec.primary_key_position
            message = f"found {position}; the {len(keys)} key columns must be numbered 1, 2, ..."
            document.problem((*column.path, "primaryKeyPosition"), message)


def _check_format(column: ParsedColumn, document: Document) -> None:
    spec = column.spec
    path = (*column.path, "logicalTypeOptions", "format")
    text = spec.logical_type_options.format
    if spec.physical_type in ("date", "timestamp"):
        missing = f"is missing; a {spec.physical_type} needs one, such as yyyy-MM-dd"
        _report(document, path, values.wrong_format(text, spec.physical_type) if text else missing)
    elif text:
        document.problem(
            path, f"found {text!r}; only date and timestamp columns have a format, remove it"
        )


def _check_limits(column: ParsedColumn, document: Document) -> None:
    physical, options = column.spec.physical_type, column.spec.logical_type_options
    found = []
    for name, limit in (("minimum", options.minimum), ("maximum", options.maximum)):
        path = (*column.path, "logicalTypeOptions", name)
        if limit is None:
            continue
        if physical.split("(")[0] not in ORDERED:
            document.problem(path, f"found {limit!s}; a {physical} column has no {name}, remove it")
            continue
        try:
            found.append(values.limit_value(str(limit), physical))
        except ValueError as error:
            document.problem(path, str(error))
    if len(found) == 2 and found[0] > found[1]:  # type: ignore[operator]  # both of the column's one type
        message = f"found {options.minimum!s}, which is above the maximum {options.maximum!s}"
        document.problem((*column.path, "logicalTypeOptions", "minimum"), message)


def _check_text_options(column: ParsedColumn, document: Document) -> None:
    options, is_text = column.spec.logical_type_options, column.spec.physical_type == "string"
    for name, value in (("pattern", options.pattern), ("maxLength", options.max_length)):
        if value is not None and not is_text:
            document.problem(
                (*column.path, "logicalTypeOptions", name),
                "only string columns have this; remove it",
            )
    if options.pattern and is_text:
        _report(
            document,
            (*column.path, "logicalTypeOptions", "pattern"),
            values.wrong_pattern(options.pattern),
        )


def _check_allowed(column: ParsedColumn, document: Document) -> None:
    spec = column.spec
    if len(spec.quality) > 1:
        document.problem(
            (*column.path, "quality"), "found several lists of allowed values; write one"
        )
    if spec.quality and spec.physical_type != "string":
        document.problem(
            (*column.path, "quality"),
            "only string columns have allowed values; use minimum and maximum",
        )
        return
    for index, check in enumerate(spec.quality):
        path = (*column.path, "quality", index, "arguments", "validValues")
        allowed = check.arguments.valid_values
        for position, value in enumerate(allowed):
            if not isinstance(value, str) or cleaned(value) != value or not value:
                document.problem(
                    (*path, position),
                    f"found {value!r}; expected text without blanks around it: quote it",
                )
            elif is_quoted(value):
                message = f"found {value!r}; no file can carry it: a value that begins and ends with a quote is refused"
                document.problem((*path, position), message)
            elif value in allowed[:position]:
                document.problem((*path, position), f"{value!r} is listed twice; remove one")


def _check_control_total(column: ParsedColumn, document: Document) -> None:
    if column.custom.control_total and not column.spec.physical_type.startswith("decimal"):
        message = f"only decimal columns have a control total; {column.spec.name!r} is {column.spec.physical_type}"
        document.problem(column.custom_paths["controlTotal"], message)


def _check_partition(columns: list[ParsedColumn], document: Document) -> None:
    for column in columns:
        spec = column.spec
        if column.custom.partition_transform and not spec.partitioned:
            message = "is given without partitioned: true on the column; add it"
            document.problem(column.custom_paths["partitionTransform"], message)
        if not spec.partitioned:
            continue
        if spec.physical_type not in ("date", "timestamp") or not spec.required:
            message = (
                f"the partition column must be a required date or timestamp; {spec.name!r} is not"
            )
            document.problem((*column.path, "partitioned"), message)
        if column.custom.partition_transform is None:
            message = "needs the custom property partitionTransform with day, month or year"
            document.problem((*column.path, "partitioned"), message)
        if spec.partition_key_position not in (None, 1):
            message = (
                f"found {spec.partition_key_position}; there is one partition column, so expected 1"
            )
            document.problem((*column.path, "partitionKeyPosition"), message)
