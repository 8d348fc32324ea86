"""Puts the tables that a query names into DuckDB, read as the query's caller and only if that caller may.

Iceberg tables come through pyiceberg, Delta tables through deltalake, from the emulated S3 over HTTP with the caller's
credentials. A version of an Iceberg table is kept in memory by its metadata file, which never changes; permissions are
checked at every use all the same.
"""

from __future__ import annotations

import shutil
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import duckdb
import pyarrow as pa
from pyiceberg.table import StaticTable

from local_cloud.adapters.athena import sql as athena_sql
from local_cloud.adapters.athena import text_tables, trail_tables
from local_cloud.adapters.athena.sql import QueryRefused, TableName
from local_cloud.adapters.athena.text_tables import Place, TextTable
from local_cloud.adapters.cloudtrail import service as cloudtrail
from local_cloud.patching import original
from local_cloud.settings import ACCOUNT, REGION

ATHENA = "ministack.services.athena"
EVALUATOR = "ministack.core.iam_evaluator"
ATHENA_SERVICE = "athena.amazonaws.com"
CACHED_TABLES = 32
_cache: OrderedDict[str, pa.Table] = OrderedDict()
_cache_lock = threading.Lock()


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Who asked, and the credentials with which that caller's data is read."""

    access_key_id: str
    secret_access_key: str
    session_token: str | None

    def require(self, action: str, resource_arn: str) -> None:
        """Refuse what the caller may not do, in Athena's words."""
        if not original("ministack.app", "AUTH"):
            return
        service = action.split(":", 1)[0]
        denied = original(EVALUATOR, "enforce")(
            self.access_key_id,
            action,
            service,
            REGION,
            resource_arn=resource_arn,
            service_context={},
        )
        if denied is not None:
            principal = getattr(denied, "principal_arn", "")
            raise QueryRefused(
                f"Access denied: {principal} is not authorized to perform {action} on {resource_arn}"
            )


def current_caller() -> Caller:
    """The principal whose request is being served in this context."""
    key = original(EVALUATOR, "_verified_key").get() or "test"
    credential = original(EVALUATOR, "resolve_credential")(key, ACCOUNT)
    return Caller(
        access_key_id=key,
        secret_access_key=credential.secret_access_key,
        session_token=credential.session_token,
    )


@dataclass(kw_only=True)
class Workspace:
    """One query's DuckDB: tables are added as they are named, views with everything they stand on."""

    connection: duckdb.DuckDBPyConnection
    caller: Caller
    endpoint: str
    schema: dict[str, dict[str, dict[str, str]]] = field(default_factory=dict)
    bytes_scanned: int = 0

    def prepare(self, names: set[TableName], *, within: tuple[TableName, ...] = ()) -> None:
        """Make every named table or view readable.

        Raises:
            QueryRefused: one does not exist, may not be read, or is a view on itself.
        """
        for name in sorted(names):
            if name in within:
                raise QueryRefused(f"INVALID_VIEW: view {name} stands on itself")
            if name.table not in self.schema.get(name.database, {}):
                self._add(name, self._look_up(name), within)

    def columns(self, sql: str) -> list[tuple[str, str]]:
        """Names and DuckDB types of a query's result, without running it."""
        described = self.connection.execute(f"DESCRIBE {sql}").fetchall()
        return [(str(row[0]), str(row[1])) for row in described]

    def _look_up(self, name: TableName) -> dict[str, Any]:
        arn = f"arn:aws:glue:{REGION}:{ACCOUNT}:table/{name.database}/{name.table}"
        self.caller.require("glue:GetTable", arn)
        table = original("ministack.services.glue", "_tables").get(f"{name.database}/{name.table}")
        if table is None:
            raise QueryRefused(
                f"TABLE_NOT_FOUND: Table '{athena_sql.CATALOG}.{name}' does not exist"
            )
        return dict(table)

    def _add(self, name: TableName, table: dict[str, Any], within: tuple[TableName, ...]) -> None:
        self.connection.execute(f"CREATE SCHEMA IF NOT EXISTS {_quoted(name.database)}")
        if table.get("TableType") == "VIRTUAL_VIEW":
            relation = self._view(name, table, within)
        elif (kind := str(table.get("Parameters", {}).get("table_type", "")).upper()) == "ICEBERG":
            relation = self._iceberg(name, table)
        elif kind == "DELTA":
            relation = self._delta(name, table)
        elif trail_tables.is_trail(table):
            relation = self._trail(name, table)
        elif text := text_tables.described(str(name), table):
            relation = self._text(name, table, text)
        else:
            relation = self._files(name, table)
        quoted = f"{_quoted(name.database)}.{_quoted(name.table)}"
        self.connection.execute(f"CREATE VIEW {quoted} AS {relation}")
        types = dict(self.columns(f"FROM {quoted}"))
        self.schema.setdefault(name.database, {})[name.table] = types

    def _view(self, name: TableName, table: dict[str, Any], within: tuple[TableName, ...]) -> str:
        definition = athena_sql.view_definition(table.get("ViewOriginalText") or "")
        statement = athena_sql.parse(definition["originalSql"])
        self.prepare(
            athena_sql.qualify(statement, definition.get("schema") or name.database),
            within=(*within, name),
        )
        return athena_sql.to_duckdb(statement, self.schema)

    def _iceberg(self, name: TableName, table: dict[str, Any]) -> str:
        location = table["Parameters"].get("metadata_location")
        if not location:
            raise QueryRefused(f"ICEBERG_INVALID_METADATA: table {name} has no metadata_location")
        self.caller.require("s3:GetObject", _object_arn(location))
        self.caller.require(
            "s3:GetObject", _object_arn(location.rsplit("/metadata/", 1)[0] + "/data/*")
        )
        data = _read_iceberg(location, self.caller, self.endpoint)
        self.bytes_scanned += data.nbytes
        self.connection.register(f"data of {name}", data)
        return f"FROM {_quoted(f'data of {name}')}"

    def _delta(self, name: TableName, table: dict[str, Any]) -> str:
        location = table["StorageDescriptor"]["Location"]
        self.caller.require("s3:ListBucket", f"arn:aws:s3:::{urlparse(location).netloc}")
        self.caller.require("s3:GetObject", _object_arn(location.rstrip("/") + "/*"))
        data = _read_delta(location, self.caller, self.endpoint)
        self.bytes_scanned += data.nbytes
        self.connection.register(f"data of {name}", data)
        return f"FROM {_quoted(f'data of {name}')}"

    def _text(self, name: TableName, table: dict[str, Any], text: TextTable) -> str:
        """CSV tables. Values stay text until a query asks for the column."""
        locations = [(table["StorageDescriptor"]["Location"], ())]
        if text.keys:
            arn = f"arn:aws:glue:{REGION}:{ACCOUNT}:table/{name.database}/{name.table}"
            self.caller.require("glue:GetPartitions", arn)
            known = original("ministack.services.glue", "_partitions")
            locations = [
                (each["StorageDescriptor"]["Location"], tuple(each["Values"]))
                for each in known.get(f"{name.database}/{name.table}", [])
            ]
        places = [Place(files=self._objects(at), values=values) for at, values in locations]
        self.bytes_scanned += sum(len(data) for place in places for data in place.files.values())
        self.connection.register(f"data of {name}", text.read(places))
        return f"FROM {_quoted(f'data of {name}')} SELECT {text.projection(_quoted)}"

    def _trail(self, name: TableName, table: dict[str, Any]) -> str:
        """CloudTrail's files."""
        objects = self._objects(table["StorageDescriptor"]["Location"])
        self.bytes_scanned += sum(map(len, objects.values()))
        self.connection.register(f"data of {name}", trail_tables.read(str(name), table, objects))
        return f"FROM {_quoted(f'data of {name}')}"

    def _objects(self, location: str) -> dict[str, bytes]:
        """The objects below a location, hidden ones left out."""
        self._require_files(location)
        s3, place = "ministack.services.s3", urlparse(location)
        prefix = place.path.strip("/") + "/"
        kept = original(s3, "_buckets").get(place.netloc, {"objects": {}})["objects"]
        keys = [
            key
            for key in sorted(kept)
            if key.startswith(prefix) and not key.rpartition("/")[2].startswith((".", "_"))
        ]
        found = {}
        for key in keys:
            if not key.endswith("/"):
                found[key] = original(s3, "_get_object_data")(place.netloc, key)
                cloudtrail.note_object(
                    self.caller.access_key_id, "GetObject", place.netloc, key, ATHENA_SERVICE
                )
        return found

    def _require_files(self, location: str) -> None:
        self.caller.require("s3:ListBucket", f"arn:aws:s3:::{urlparse(location).netloc}")
        self.caller.require("s3:GetObject", _object_arn(location.rstrip("/") + "/*"))

    def _files(self, name: TableName, table: dict[str, Any]) -> str:
        """JSON and Parquet tables: the emulator's own readers, copied into DuckDB before the files go."""
        location = (table.get("StorageDescriptor") or {}).get("Location") or ""
        self._require_files(location)
        workdirs: list[str] = []
        try:
            files = original(ATHENA, "_materialize_table_files")(location, workdirs)
            self.bytes_scanned += sum(Path(file).stat().st_size for file in files)
            make = "_table_relation" if files else "_empty_relation"
            relation = original(ATHENA, make)(*([table, files] if files else [table]))
            copy = _quoted(f"data of {name}")
            self.connection.execute(f"CREATE TABLE {copy} AS FROM {relation}")
        finally:
            for workdir in workdirs:
                shutil.rmtree(workdir)
        return f"FROM {copy}"


def _read_iceberg(metadata_location: str, caller: Caller, endpoint: str) -> pa.Table:
    with _cache_lock:
        if metadata_location in _cache:
            _cache.move_to_end(metadata_location)
            return _cache[metadata_location]
    properties = {
        "s3.endpoint": endpoint,
        "s3.region": REGION,
        "s3.access-key-id": caller.access_key_id,
        "s3.secret-access-key": caller.secret_access_key,
        "s3.force-virtual-addressing": "false",
    }
    if caller.session_token:
        properties["s3.session-token"] = caller.session_token
    data = StaticTable.from_metadata(metadata_location, properties).scan().to_arrow()
    with _cache_lock:
        _cache[metadata_location] = data
        while len(_cache) > CACHED_TABLES:
            _cache.popitem(last=False)
    return data


def _read_delta(location: str, caller: Caller, endpoint: str) -> pa.Table:
    """The newest version: Athena does not read an earlier one either."""
    from deltalake import DeltaTable  # not at the start: most queries name no such table

    options = {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": caller.access_key_id,
        "AWS_SECRET_ACCESS_KEY": caller.secret_access_key,
        "AWS_ALLOW_HTTP": "true",
        "AWS_VIRTUAL_HOSTED_STYLE_REQUEST": "false",
    }
    if caller.session_token:
        options["AWS_SESSION_TOKEN"] = caller.session_token
    return DeltaTable(location, storage_options=options).to_pyarrow_table()


def _object_arn(uri: str) -> str:
    location = urlparse(uri)
    return f"arn:aws:s3:::{location.netloc}{location.path}"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
