"""One crawl: lists, classifies, and writes tables and partitions, all as the crawler's role and over the wire.

What of a crawler's settings is not followed here ends the crawl as FAILED, by name, before anything is written.
Partitions are the folders below a table: `key=value` names its key, another folder gets `partition_<n>`, counted from 0
by level. Source: Glue developer guide, "How does a crawler determine when to create partitions?", and "Setting crawler
configuration options". That the count goes by level also beside named keys is not documented, and assumed.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlparse

from local_cloud.adapters.glue import csv_classifier
from local_cloud.adapters.glue.csv_classifier import NotClassified, Schema

TEXT_INPUT = "org.apache.hadoop.mapred.TextInputFormat"
TEXT_OUTPUT = "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat"
OPEN_CSV = "org.apache.hadoop.hive.serde2.OpenCSVSerde"
LAZY = "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"
COMPRESSIONS = {".gz": "gzip"}
NOT_READ = (".zip", ".bz2", ".lz4", ".snappy", ".zst", ".parquet", ".orc", ".avro")
EVERYTHING = "CRAWL_EVERYTHING"
PARTITIONS_AT_ONCE = 100  # Source: Glue API reference, BatchCreatePartition; BatchUpdatePartition


class NotCrawled(Exception):
    """The embedded AWS does not do what this crawl would take."""


@dataclass(frozen=True, kw_only=True)
class Clients:
    """AWS as the crawler's role sees it. `is_stopped` is asked before anything is written."""

    s3: Any
    glue: Any
    is_stopped: Callable[[], bool] = lambda: False


@dataclass(frozen=True, kw_only=True)
class File:
    """An object below an include path; `folders` are those between the table and it."""

    key: str
    size: int
    folders: tuple[str, ...]


@dataclass(kw_only=True)
class Done:
    """What a crawl did, by name of table, and what it has to say."""

    created: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)


def crawl(
    crawler: Mapping[str, Any], classifiers: Sequence[Mapping[str, Any]], aws: Clients
) -> Done:
    """Carry out one crawl.

    Raises NotCrawled or NotClassified with what is not followed here; ClientError where AWS refuses the role.
    """
    _require_followed(crawler)
    done = Done()
    for target in crawler["Targets"]["S3Targets"]:
        _crawl_target(crawler, target, classifiers, aws, done)
    return done


def _require_followed(crawler: Mapping[str, Any]) -> None:
    configuration = json.loads(crawler.get("Configuration") or "{}")
    output = configuration.get("CrawlerOutput") or {}
    grouping = configuration.get("Grouping") or {}
    paths = [target["Path"] for target in crawler["Targets"].get("S3Targets", [])]
    level = grouping.get("TableLevelConfiguration")
    wrong = {
        "Targets other than S3Targets": {k for k, v in crawler["Targets"].items() if v}
        - {"S3Targets"},
        "options of S3Targets": {
            key for target in crawler["Targets"].get("S3Targets", []) for key in target
        }
        - {"Path", "Exclusions"},
        "RecrawlPolicy": (crawler.get("RecrawlPolicy") or {}).get("RecrawlBehavior", EVERYTHING)
        != EVERYTHING,
        "Configuration": configuration.keys()
        - {"Version", "CrawlerOutput", "Grouping", "CreatePartitionIndex"},
        "CreatePartitionIndex, which is true unless it is given": configuration.get(
            "CreatePartitionIndex", True
        )
        is not False,
        "CrawlerOutput": output != {"Partitions": {"AddOrUpdateBehavior": "InheritFromTable"}},
        "TableGroupingPolicy": grouping.get("TableGroupingPolicy") != "CombineCompatibleSchemas",
        "TableLevelConfiguration other than the level of the include paths": any(
            level != _level(path) for path in paths
        ),
    }
    if named := [name for name, found in wrong.items() if found]:
        raise NotCrawled(f"the embedded AWS does not follow this crawler's {'; '.join(named)}")


def _level(path: str) -> int:
    """The level of a folder, where that of the bucket is 1."""
    return 1 + len(urlparse(path).path.strip("/").split("/"))


def _crawl_target(
    crawler: Mapping[str, Any],
    target: Mapping[str, Any],
    classifiers: Sequence[Mapping[str, Any]],
    aws: Clients,
    done: Done,
) -> None:
    files, excluded = _listed(target, aws)
    if excluded:
        done.messages.append(f"INFO : {excluded} objects below {target['Path']} are excluded")
    database = crawler["DatabaseName"]
    name = (crawler.get("TablePrefix") or "") + target["Path"].rstrip("/").rpartition("/")[
        2
    ].lower()
    known = _table(aws, database, name)
    if not files:
        _gone(crawler, known, aws, done)
        return
    table = _table_input(
        crawler, target["Path"], name, files, _merged(files, target, classifiers, aws)
    )
    if aws.is_stopped():
        return
    _write_table(crawler, known, table, aws, done)
    if aws.is_stopped():
        return
    kept = table if known is None or _updates(crawler) else known
    _write_partitions(crawler, kept, files, aws, done)


def _listed(target: Mapping[str, Any], aws: Clients) -> tuple[list[File], int]:
    """The files to look at, in the order of their keys, and how many others an exclusion left out."""
    endings = tuple(_ending(pattern) for pattern in target.get("Exclusions") or [])
    place = urlparse(target["Path"])
    prefix = place.path.strip("/") + "/"
    pages = aws.s3.get_paginator("list_objects_v2").paginate(Bucket=place.netloc, Prefix=prefix)
    objects = [each for page in pages for each in page.get("Contents", [])]
    files = [
        File(key=each["Key"], size=each["Size"], folders=tuple(folders))
        for each in objects
        for *folders, name in [each["Key"].removeprefix(prefix).split("/")]
        if name and not name.startswith((".", "_"))
    ]
    left = [file for file in files if not (endings and file.key.endswith(endings))]
    if unread := [file.key for file in left if file.key.endswith(NOT_READ)]:
        raise NotCrawled(f"{unread[0]}: the embedded AWS does not classify files of this ending")
    for what, kinds in (
        ("are compressed and others are not", {_compression(file) for file in left}),
        ("lie deeper than others", {str(len(file.folders)) for file in left}),
    ):
        if len(kinds) > 1:  # Glue then makes several tables, with names that are not documented
            raise NotCrawled(
                f"some files below {target['Path']} {what}: Glue would make several tables"
            )
    return left, len(files) - len(left)


def _ending(pattern: str) -> str:
    """Source: Glue developer guide, "Include and exclude patterns": ** matches across folders."""
    ending = pattern.removeprefix("**")
    if not pattern.startswith("**.") or set(ending) & set("*?[]{}\\"):
        raise NotCrawled(f"the embedded AWS follows exclusions like **.gz, not {pattern!r}")
    return ending


def _compression(file: File) -> str:
    return next((kind for end, kind in COMPRESSIONS.items() if file.key.endswith(end)), "none")


def _merged(
    files: Sequence[File],
    target: Mapping[str, Any],
    classifiers: Sequence[Mapping[str, Any]],
    aws: Clients,
) -> Schema:
    """One schema for all files: every column once, in the order in which files bring them.

    Source: Glue developer guide, "Creating a single schema for each Amazon S3 include path", whose example joins the
    columns of two files. That a column of several types gets the widest is not documented, and assumed.
    """
    bucket = urlparse(target["Path"]).netloc
    schemas = [_classified(file, bucket, classifiers, aws) for file in files]
    if len({schema.delimiter for schema in schemas}) > 1:
        raise NotCrawled(f"files below {target['Path']} have different delimiters")
    kinds: dict[str, set[str]] = {}
    for schema in schemas:
        for column, kind in schema.columns.items():
            kinds.setdefault(column, set()).add(kind)
    sizes = [file.size for file in files]
    records = sum(size / each.record_bytes for size, each in zip(sizes, schemas, strict=True))
    return Schema(
        columns={column: csv_classifier.widest(found) for column, found in kinds.items()},
        delimiter=schemas[0].delimiter,
        quoted=any(schema.quoted for schema in schemas),
        record_bytes=max(1, round(sum(sizes) / records)) if records else 1,
    )


def _classified(
    file: File, bucket: str, classifiers: Sequence[Mapping[str, Any]], aws: Clients
) -> Schema:
    head, whole = _head(file, bucket, aws)
    for classifier in classifiers:
        found = csv_classifier.classified(classifier, head, whole=whole, name=file.key)
        if found is not None:
            return found
    raise NotClassified(
        f"{file.key}: no custom classifier recognizes it, and the embedded AWS has no built-in ones"
    )


def _head(file: File, bucket: str, aws: Clients) -> tuple[bytes, bool]:
    """What a file begins with, decompressed, and whether that is all of it."""
    limit = csv_classifier.SAMPLE_BYTES
    if file.size == 0:
        return b"", True
    answer = aws.s3.get_object(Bucket=bucket, Key=file.key, Range=f"bytes=0-{limit - 1}")
    head: bytes = answer["Body"].read()
    if _compression(file) != "gzip":
        return head, file.size <= limit
    expanded = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16).decompress(head, limit)
    return expanded, file.size <= limit and len(expanded) < limit


def _table_input(
    crawler: Mapping[str, Any], path: str, name: str, files: Sequence[File], schema: Schema
) -> dict[str, Any]:
    """A table as crawlers leave it. Source: tables that crawlers made, as their owners published them."""
    parameters = {
        "CrawlerSchemaDeserializerVersion": "1.0",
        "CrawlerSchemaSerializerVersion": "1.0",
        "UPDATED_BY_CRAWLER": crawler["Name"],
        "areColumnsQuoted": str(schema.quoted).lower(),
        "averageRecordSize": str(schema.record_bytes),
        "classification": "csv",
        "columnsOrdered": "true",
        "compressionType": _compression(files[0]),
        "delimiter": schema.delimiter,
        "objectCount": str(len(files)),
        "recordCount": str(round(sum(file.size for file in files) / schema.record_bytes)),
        "sizeKey": str(sum(file.size for file in files)),
        "skip.header.line.count": "1",
        "typeOfData": "file",
    }
    storage = {
        "Columns": [{"Name": column, "Type": kind} for column, kind in schema.columns.items()],
        "Location": path,
        "InputFormat": TEXT_INPUT,
        "OutputFormat": TEXT_OUTPUT,
        "Compressed": parameters["compressionType"] != "none",
        "NumberOfBuckets": -1,
        "SerdeInfo": _serde(schema),
        "Parameters": parameters,
        "StoredAsSubDirectories": False,
    }
    keys = [{"Name": key, "Type": "string"} for key, _ in _partition(files[0].folders)]
    return {
        "Name": name,
        "Owner": "owner",
        "TableType": "EXTERNAL_TABLE",
        "StorageDescriptor": storage,
        "PartitionKeys": keys,
        "Parameters": parameters,
    }


def _serde(schema: Schema) -> dict[str, Any]:
    if not schema.quoted:
        return {"SerializationLibrary": LAZY, "Parameters": {"field.delim": schema.delimiter}}
    parameters = {"separatorChar": schema.delimiter, "quoteChar": '"'}
    return {"SerializationLibrary": OPEN_CSV, "Parameters": parameters}


def _partition(folders: Sequence[str]) -> list[tuple[str, str]]:
    """Key and value of each folder."""
    pairs = []
    for level, folder in enumerate(folders):
        key, equals, value = folder.partition("=")
        pairs.append((key.lower(), value) if equals else (f"partition_{level}", folder))
    return pairs


def _updates(crawler: Mapping[str, Any]) -> bool:
    policy = crawler.get("SchemaChangePolicy") or {}
    return str(policy.get("UpdateBehavior", "UPDATE_IN_DATABASE")) == "UPDATE_IN_DATABASE"


def _table(aws: Clients, database: str, name: str) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = aws.glue.get_table(DatabaseName=database, Name=name)["Table"]
    except aws.glue.exceptions.EntityNotFoundException:
        return None
    return found


def _write_table(
    crawler: Mapping[str, Any],
    known: Mapping[str, Any] | None,
    table: dict[str, Any],
    aws: Clients,
    done: Done,
) -> None:
    """New tables come whatever the policy says; a changed one only by UPDATE_IN_DATABASE, else the change is logged."""
    database, name = crawler["DatabaseName"], table["Name"]
    if known is None:
        aws.glue.create_table(DatabaseName=database, TableInput=table)
        done.created.append(name)
        return
    if (known.get("Parameters") or {}).get("UPDATED_BY_CRAWLER") != crawler["Name"]:
        raise NotCrawled(
            f"table {name} is not this crawler's: Glue would make another, with a hash in its name"
        )
    if changed := sorted(_columns(table).items() ^ _columns(known).items()):
        names = ", ".join(sorted({column for column, _ in changed}))
        done.messages.append(f"INFO : the schema of {name} has changed: {names}")
    if _same(known, table):
        return
    if not _updates(crawler):
        done.messages.append(f"INFO : {name} is left as it is, as UpdateBehavior is LOG")
        return
    aws.glue.update_table(DatabaseName=database, TableInput=table)
    done.updated.append(name)


def _columns(table: Mapping[str, Any]) -> dict[str, str]:
    return {each["Name"]: each["Type"] for each in table["StorageDescriptor"]["Columns"]}


def _same(known: Mapping[str, Any], table: Mapping[str, Any]) -> bool:
    return all(
        known.get(field) == table[field]
        for field in ("StorageDescriptor", "Parameters", "PartitionKeys")
    )


def _write_partitions(
    crawler: Mapping[str, Any],
    table: Mapping[str, Any],
    files: Sequence[File],
    aws: Clients,
    done: Done,
) -> None:
    """New folders become partitions; known ones follow their table; those whose files are gone, by DeleteBehavior."""
    if not table["PartitionKeys"]:
        return
    where = {"DatabaseName": crawler["DatabaseName"], "TableName": table["Name"]}
    pages = aws.glue.get_paginator("get_partitions").paginate(**where)
    known = {tuple(each["Values"]): each for page in pages for each in page["Partitions"]}
    wanted = {
        tuple(value for _, value in _partition(file.folders)): _partition_input(table, file)
        for file in files
    }
    new = [partition for values, partition in wanted.items() if values not in known]
    for some in _batches(new):
        aws.glue.batch_create_partition(**where, PartitionInputList=some)
    changed = [
        {"PartitionValueList": list(values), "PartitionInput": partition}
        for values, partition in wanted.items()
        if values in known and known[values]["StorageDescriptor"] != partition["StorageDescriptor"]
    ]
    for some in _batches(changed):
        aws.glue.batch_update_partition(**where, Entries=some)
    if new or changed:
        done.messages.append(
            f"INFO : {table['Name']}: {len(new)} partitions are new, {len(changed)} follow their table"
        )
    _partitions_gone(crawler, where, sorted(known.keys() - wanted.keys()), aws, done)


def _partition_input(table: Mapping[str, Any], file: File) -> dict[str, Any]:
    storage = dict(table["StorageDescriptor"])
    storage["Location"] = storage["Location"].rstrip("/") + "/" + "/".join(file.folders) + "/"
    values = [value for _, value in _partition(file.folders)]
    return {"Values": values, "StorageDescriptor": storage, "Parameters": storage["Parameters"]}


def _batches(items: Sequence[Any]) -> Iterator[list[Any]]:
    for start in range(0, len(items), PARTITIONS_AT_ONCE):
        yield list(items[start : start + PARTITIONS_AT_ONCE])


def _partitions_gone(
    crawler: Mapping[str, Any],
    where: Mapping[str, str],
    gone: Sequence[tuple[str, ...]],
    aws: Clients,
    done: Done,
) -> None:
    """Source: CloudFormation, Crawler SchemaChangePolicy: LOG and DEPRECATE_IN_DATABASE leave partitions (a property
    of the table is what says DEPRECATED), DELETE_FROM_DATABASE removes them."""
    if not gone:
        return
    done.messages.append(
        f"INFO : {where['TableName']}: {len(gone)} partitions have no object any more"
    )
    if _when_gone(crawler) == "DELETE_FROM_DATABASE":
        for some in _batches([{"Values": list(values)} for values in gone]):
            aws.glue.batch_delete_partition(**where, PartitionsToDelete=some)


def _when_gone(crawler: Mapping[str, Any]) -> str:
    policy = crawler.get("SchemaChangePolicy") or {}
    return str(policy.get("DeleteBehavior", "DEPRECATE_IN_DATABASE"))


def _gone(
    crawler: Mapping[str, Any], known: Mapping[str, Any] | None, aws: Clients, done: Done
) -> None:
    """A table of which no file is left."""
    if known is None:
        return
    database, name = crawler["DatabaseName"], known["Name"]
    done.messages.append(f"INFO : {name} has no object any more")
    if _when_gone(crawler) == "DELETE_FROM_DATABASE":
        aws.glue.delete_table(DatabaseName=database, Name=name)
        done.deleted.append(name)
    elif _when_gone(crawler) == "DEPRECATE_IN_DATABASE":
        now = str(int(datetime.now(UTC).timestamp() * 1000))
        kept = {
            field: known[field]
            for field in ("Name", "Owner", "TableType", "StorageDescriptor", "PartitionKeys")
        }
        parameters = {**known["Parameters"], "DEPRECATED_BY_CRAWLER": now}
        aws.glue.update_table(DatabaseName=database, TableInput={**kept, "Parameters": parameters})
        done.updated.append(name)
