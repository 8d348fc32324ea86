"""CloudTrail's files as Athena reads them: one row per record, by the JSON SerDe, with days projected from the path.

A structure in a column of text is its JSON. Source: Athena user guide, "Create the table for CloudTrail logs in Athena
using partition projection", and "Hive JSON SerDe".
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlparse

import pyarrow as pa

from local_cloud.adapters.athena.sql import QueryRefused

INPUT = "com.amazon.emr.cloudtrail.CloudTrailInputFormat"
PROJECTED = {"type": "date", "format": "yyyy/MM/dd", "interval": "1", "interval.unit": "DAYS"}
_PART = re.compile(r"\$\{(\w+)\}")
_TOKEN = re.compile(r"[<>,:]|[^<>,:]+")


def is_trail(table: Mapping[str, Any]) -> bool:
    """Whether a table of the catalog reads CloudTrail's files."""
    return bool((table.get("StorageDescriptor") or {}).get("InputFormat") == INPUT)


def read(name: str, table: Mapping[str, Any], objects: Mapping[str, bytes]) -> pa.Table:
    """Every record of the objects that a projected day has, in the columns of the table.

    Raises QueryRefused for a projection or a type that is not read here.
    """
    [key] = [str(each["Name"]) for each in table["PartitionKeys"]]
    parameters = table["Parameters"]
    wrong = {
        part: parameters.get(f"projection.{key}.{part}")
        for part, wanted in PROJECTED.items()
        if parameters.get(f"projection.{key}.{part}") != wanted
    }
    if parameters.get("projection.enabled") != "true" or wrong:
        raise QueryRefused(f"NOT_SUPPORTED: {name}: this partition projection is not read: {wrong}")
    day = _day(key, parameters["storage.location.template"])
    types = {
        str(each["Name"]): hive_type(name, str(each["Type"]))
        for each in table["StorageDescriptor"]["Columns"]
    }
    rows = [
        {**{column: _value(kind, record.get(column)) for column, kind in types.items()}, key: on}
        for place, content in objects.items()
        if (on := _found(day, place))
        for record in _records(content)
    ]
    schema = pa.schema([*types.items(), (key, pa.string())])
    return pa.Table.from_pylist(rows, schema=schema)


def _day(key: str, template: str) -> re.Pattern[str]:
    before, _, after = urlparse(template).path.lstrip("/").partition("${" + key + "}")
    return re.compile(re.escape(before) + r"(\d{4}/\d{2}/\d{2})" + re.escape(after) + "/")


def _found(day: re.Pattern[str], key: str) -> str | None:
    match = day.match(key)
    return match[1] if match else None


def _records(content: bytes) -> Iterator[dict[str, Any]]:
    for record in json.loads(gzip.decompress(content))["Records"]:
        yield {name.lower(): value for name, value in record.items()}


def _value(kind: pa.DataType, value: Any) -> Any:
    if value is None:
        return None
    if pa.types.is_struct(kind):
        given = {name.lower(): each for name, each in value.items()}
        return {field.name: _value(field.type, given.get(field.name)) for field in kind}
    if pa.types.is_list(kind):
        return [_value(kind.value_type, each) for each in value]
    if isinstance(value, str):
        return value
    return json.dumps(value, separators=(",", ":"))  # also true and false, as the SerDe writes them


def hive_type(name: str, text: str) -> pa.DataType:
    """The type that Hive's notation describes: string, array<...> and struct<name:...>."""
    tokens = _TOKEN.findall(text.replace(" ", ""))
    found = _parse(name, tokens)
    if tokens:
        raise QueryRefused(f"NOT_SUPPORTED: {name}: the type {text!r} is not read")
    return found


def _parse(name: str, tokens: list[str]) -> pa.DataType:
    kind = tokens.pop(0) if tokens else ""
    if kind == "string":
        return pa.string()
    if kind == "array" and tokens and tokens.pop(0) == "<":
        inner = _parse(name, tokens)
        tokens.pop(0)
        return pa.list_(inner)
    if kind == "struct":
        fields = []
        while tokens.pop(0) in "<,":
            field = tokens.pop(0)
            tokens.pop(0)
            fields.append((field, _parse(name, tokens)))
        return pa.struct(fields)
    raise QueryRefused(f"NOT_SUPPORTED: {name}: the type {kind!r} is not read")
