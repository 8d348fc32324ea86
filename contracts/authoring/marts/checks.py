"""What must hold in a mart beyond its shape: its inputs have what it reads, and its SQL gives what it declares."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from contracts.authoring import sql, values, warehouse_checks
from contracts.authoring.marts.parsed import ParsedMart
from contracts.authoring.problems import Path, Problem, did_you_mean
from contracts.model import Contract

VERSION = re.compile(r"\d+\.\d+\.\d+")
SCHEDULE = re.compile(r"(cron|rate)\(.+\)")
NUMBERS = ("int", "bigint", "decimal")


def check_meaning(parsed: ParsedMart, contracts: Mapping[str, Contract]) -> None:
    """Record every mistake of meaning in the document of `parsed`."""
    checks = _Checks(parsed, contracts)
    checks.names()
    checks.version()
    checks.starts()
    checks.not_built()
    checks.inputs()
    checks.columns()
    checks.grain()
    checks.period()
    checks.conserves()
    checks.rules()
    checks.warehouse()
    checks.select()


class _Checks:
    def __init__(self, parsed: ParsedMart, contracts: Mapping[str, Contract]) -> None:
        self.parsed = parsed
        self.contracts = contracts
        self.problem = parsed.document.problem
        self.types = {each.name: each.type for each in parsed.columns.values()}
        self.read = {
            dataset: stored
            for dataset in parsed.inputs
            if (stored := self._stored(dataset)) is not None
        }

    def names(self) -> None:
        if message := values.wrong_name(self.parsed.name):
            self.problem((), f"the folder of the mart: {message}")

    def version(self) -> None:
        given = self.parsed.data.get("version")
        if isinstance(given, str) and not VERSION.fullmatch(given):
            self.problem(("version",), f"found {given!r}; expected three numbers, such as 1.0.0")

    def starts(self) -> None:
        """When it is computed; its form is that of EventBridge Scheduler, which judges the rest."""
        data = self.parsed.data
        schedule = data.get("schedule")
        if isinstance(schedule, str) and not SCHEDULE.fullmatch(schedule):
            self.problem(("schedule",), f"found {schedule!r}; expected cron(...) or rate(...)")
        if data.get("afterInputs") is False and schedule is None:
            self.problem(
                ("afterInputs",),
                "found false without a schedule, so that nothing computes the mart; write a schedule, or leave it out",
            )

    def not_built(self) -> None:
        form = self.parsed.data.get("tableFormat")
        if isinstance(form, str) and form != "iceberg":
            message = (
                f"found {form!r}; a mart is computed by DuckDB, which writes iceberg only; write iceberg, or leave"
                " it out"
            )
            self.problem(("tableFormat",), message)

    def inputs(self) -> None:
        for dataset, names in self.parsed.inputs.items():
            path: Path = ("inputs", dataset)
            contract = self.contracts.get(dataset)
            if contract is None:
                self.problem(
                    path, f"unknown dataset {dataset!r}; {did_you_mean(dataset, self.contracts)}"
                )
                continue
            if contract.table_format != "iceberg":
                self.problem(
                    path,
                    f"{dataset!r} keeps its tables as {contract.table_format}; a mart is computed by DuckDB, which"
                    " reads iceberg only",
                )
            for index, name in enumerate(names):
                if wrong := self._wrong_input(contract, name, names[:index]):
                    self.problem((*path, index), wrong)

    def _wrong_input(self, contract: Contract, name: str, before: Iterable[str]) -> str | None:
        stored = {column.name for column in contract.stored_columns}
        if name in before:
            return f"column {name!r} is given twice; remove one"
        if name in stored:
            return None
        if name in {column.name for column in contract.columns}:
            return (
                f"column {name!r} is dropped as personal data before the processed table; remove it"
            )
        return f"unknown column {name!r} of {contract.dataset!r}; {did_you_mean(name, stored)}"

    def columns(self) -> None:
        seen: set[str] = set()
        for index, column in self.parsed.columns.items():
            path: Path = ("columns", index)
            if message := values.wrong_name(column.name):
                self.problem((*path, "name"), message)
            if column.name in seen:
                self.problem((*path, "name"), f"column {column.name!r} is given twice; remove one")
            if message := values.wrong_type(column.type):
                self.problem((*path, "type"), message)
            elif column.max_length is not None and column.type != "string":
                message = f"found {column.max_length}; only a string has one, and this is {column.type}: remove it"
                self.problem((*path, "maxLength"), message)
            seen.add(column.name)

    def grain(self) -> None:
        for index, name in enumerate(self._texts("grain")):
            if name not in self.types:
                self.problem(
                    ("grain", index), f"unknown column {name!r}; {did_you_mean(name, self.types)}"
                )

    def period(self) -> None:
        name = self.parsed.data.get("periodColumn")
        if not isinstance(name, str):
            return
        if name not in self.types:
            message = f"unknown column {name!r}; {did_you_mean(name, self.types)}"
        elif self.types[name] != "date":
            message = f"column {name!r} is {self.types[name]}; expected a date: the first day of the period"
        elif self._texts("grain") and name not in self._texts("grain"):
            message = (
                f"column {name!r} is not in the grain; add it, since no row belongs to two periods"
            )
        else:
            return
        self.problem(("periodColumn",), message)

    def conserves(self) -> None:
        for index, each in self.parsed.conserves.items():
            path: Path = ("conserves", index)
            self._require_number((*path, "column"), each.column, self.types)
            if each.dataset not in self.parsed.inputs:
                hint = did_you_mean(each.dataset, self.parsed.inputs)
                self.problem(
                    (*path, "dataset"), f"{each.dataset!r} is not among the inputs; {hint}"
                )
            elif each.dataset in self.read:
                self._require_number((*path, "source"), each.source, self.read[each.dataset])

    def _require_number(self, path: Path, name: str, types: Mapping[str, str]) -> None:
        if name not in types:
            self.problem(path, f"unknown column {name!r}; {did_you_mean(name, types)}")
        elif not types[name].startswith(NUMBERS):
            self.problem(
                path, f"column {name!r} is {types[name]}; expected a number, which can be added up"
            )

    def rules(self) -> None:
        known = {
            name: "string" if values.wrong_type(kind) else kind for name, kind in self.types.items()
        }
        seen: set[str] = set()
        for index, rule in self.parsed.rules.items():
            path: Path = ("rules", index)
            if message := values.wrong_name(rule.id):
                self.problem((*path, "id"), message)
            if rule.id in seen:
                self.problem((*path, "id"), f"duplicate rule {rule.id!r}; choose another id")
            seen.add(rule.id)
            for mistake in sql.expression_mistakes(rule.expression, known):
                self.problem((*path, "expression"), mistake)

    def warehouse(self) -> None:
        """What Redshift would not take of the mart's table, if it is to be loaded there."""
        if "warehouse" not in self.parsed.data:
            return
        if self.parsed.data["warehouse"] is None:
            self.problem(
                ("warehouse",), "found nothing; write {distribution: auto}, or remove the field"
            )
        document = self.parsed.document
        spec = self.parsed.spec
        if spec is not None and spec.warehouse is not None:
            names = list(self.types)
            warehouse_checks.check_layout(spec.warehouse, names, ("warehouse",), document)
        columns = [
            (("columns", index), column.name, column.type)
            for index, column in self.parsed.columns.items()
        ]
        warehouse_checks.check_names(
            [
                ((), self.parsed.name),
                *(((*path, "name"), name) for path, name, _ in columns),
            ],
            document,
        )
        warehouse_checks.check_types(
            [((*path, "type"), kind) for path, _, kind in columns], document
        )

    def select(self) -> None:
        file, text = f"{self.parsed.name}.sql", self.parsed.sql
        if text is None:
            self.problem((), f"the SQL of the mart is missing; write it to {file} beside mart.yaml")
            return
        if self.parsed.document.problems or self.parsed.spec is None:
            return  # without every column and its type, what is said about the SQL would be a guess
        mistakes = sql.select_mistakes(text, self.read, self.types) or self._shown_tokens(text)
        shown = f"{self.parsed.document.file.rpartition('/')[0]}/{file}"
        self.parsed.document.problems += [
            Problem(file=shown, line=each.line, field=self.parsed.name, message=each.message)
            for each in mistakes
        ]

    def _shown_tokens(self, text: str) -> list[sql.SqlMistake]:
        """Texts made from personal data: an erasure does not look for a person in a mart."""
        tokens = {
            (dataset, column.name)
            for dataset in self.read
            for column in self.contracts[dataset].protected_columns
        }
        found = []
        for name, kind in self.types.items():
            sources = (
                sql.sources_of(text, name, self.read) if kind == "string" and tokens else set()
            )
            for dataset, column in sorted(sources & tokens):
                message = f"column {name!r} shows {dataset}.{column}, which is personal data and outlives an erasure"
                found.append(sql.SqlMistake(1, f"{message}; count or add up over it instead"))
        return found

    def _stored(self, dataset: str) -> dict[str, str] | None:
        """The types of what is read of a dataset; None if it is unknown."""
        contract = self.contracts.get(dataset)
        if contract is None:
            return None
        stored = {column.name: column.stored_type or "" for column in contract.stored_columns}
        return {name: stored[name] for name in self.parsed.inputs[dataset] if name in stored}

    def _texts(self, part: str) -> list[str]:
        given = self.parsed.data.get(part)
        return [each for each in given if isinstance(each, str)] if isinstance(given, list) else []
