"""SQL text as DuckDB 2.0 reads it, with UTC as the session's zone.

Dates are made from ISO 8601 text wherever strptime differs from Java's formatter: its %y has a century
of its own. A cast takes 24:00:00 for midnight of the next day, so that hour is refused here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rows.dialect import INNER_PAD, OUTER_PAD, Dialect
from rows.grammar import DATE_FIELDS, DATE_PARTS

STRPTIME = {"yyyy": "%Y", "M": "%m", "MM": "%m", "d": "%d", "dd": "%d"}


class DuckDBDialect(Dialect):
    """Texts for a DuckDB connection."""

    def text(self, value: str) -> str:
        return "'" + value.replace("'", "''") + "'"

    def name(self, name: str) -> str:
        return f'"{name}"'

    def type(self, kind: str) -> str:
        return {"string": "varchar"}.get(kind, kind)

    def lowered(self, text: str) -> str:
        return f"system.main.lower({text})"  # rules have another: duckdb_jobs/database.py

    def trimmed(self, text: str, characters: str) -> str:
        return f"trim({text}, {self.text(characters)})"

    def matches(self, text: str, pattern: str) -> str:
        return f"regexp_matches({text}, {self.text(pattern)})"

    def replaced(self, text: str, pattern: str, by: str) -> str:
        return f"regexp_replace({text}, {self.text(pattern)}, {self.text(by)}, 'g')"

    def escaped(self, text: str, characters: str) -> str:
        some = self.text(f"[{characters}]")
        code = "'\\u' || lpad(lower(to_hex(unicode(one))), 4, '0')"
        shown = f"CASE WHEN regexp_matches(one, {some}) THEN {code} ELSE one END"
        every = f"list_transform(regexp_extract_all({text}, '(?s).'), lambda one: {shown})"
        return (
            f"CASE WHEN regexp_matches({text}, {some}) "
            f"THEN array_to_string({every}, '') ELSE {text} END"
        )

    def date(self, text: str, date_format: str) -> str:
        pattern = _strptime(date_format)
        if pattern is None:
            return f"TRY_CAST({_IsoText(self, text, date_format).day} AS date)"
        return f"CAST(try_strptime({text}, {self.text(pattern)}) AS date)"

    def timestamp(self, text: str, date_format: str) -> str:
        parts = _IsoText(self, text, date_format)
        moment = f"TRY_CAST({parts.day} || ' ' || {parts.time} AS timestamp)"
        return f"CASE WHEN {parts.hour} <> '24' THEN {moment} END"

    def moment(self, timestamp: str) -> str:
        return f"strftime({timestamp}, '%Y-%m-%d %H:%M:%S.%f')"

    def newest(self, value: str, order: str) -> str:
        return f"arg_max({{'value': {value}}}, {order}).value"  # of a bare null it thinks nothing

    def listed(self, items: Sequence[str]) -> str:
        every = f"CAST([{', '.join(items)}] AS varchar[])"
        return f"list_filter({every}, lambda item: item IS NOT NULL)" if items else every

    def token(self, text: str) -> str:
        inner = f"from_hex(sha256({INNER_PAD} || encode({text})))"
        return f"sha256({OUTER_PAD} || {inner})"


def _strptime(date_format: str) -> str | None:
    """The format for strptime, three times as fast as ISO text; None where it would mean something else."""
    pattern = ""
    for part in DATE_PARTS.finditer(date_format):
        field = part.group("field")
        if field is None and part.group("quoted") is not None:
            return None
        if field is not None and field not in STRPTIME:
            return None
        pattern += STRPTIME[field] if field else part.group("other").replace("%", "%%")
    return pattern


@dataclass(frozen=True)
class _IsoText:
    """The parts of a date as SQL for ISO 8601 text, taken from the groups of its format's shape."""

    dialect: DuckDBDialect
    text: str
    date_format: str

    @property
    def day(self) -> str:
        return f"{self._part('y', 4, '1970')} || '-' || {self._part('M', 2, '01')} || '-' || {self._part('d', 2, '01')}"

    @property
    def hour(self) -> str:
        return self._part("H", 2, "00")

    @property
    def time(self) -> str:
        seconds = f"{self._part('s', 2, '00')} || '.' || {self._part('S', 6, '000000')}"
        return f"{self.hour} || ':' || {self._part('m', 2, '00')} || ':' || {seconds}"

    @property
    def _fields(self) -> list[str]:
        parts = DATE_PARTS.finditer(self.date_format)
        return [part.group("field") for part in parts if part.group("field")]

    @property
    def _pattern(self) -> str:
        shape = ""
        for part in DATE_PARTS.finditer(self.date_format):
            field = part.group("field")
            literal = re.escape(part.group("quoted") or part.group("other") or "'")
            shape += f"({DATE_FIELDS[field]})" if field else literal
        return self.dialect.text(rf"\A{shape}\z")

    def _part(self, letter: str, width: int, default: str) -> str:
        for number, field in enumerate(self._fields, start=1):
            if field[0] == letter:
                digits = f"regexp_extract({self.text}, {self._pattern}, {number})"
                if field == "yy":  # Java: 2000 to 2099
                    return f"'20' || {digits}"
                if field == "SSS":
                    return f"{digits} || '000'"
                return f"lpad({digits}, {width}, '0')" if len(field) < width else digits
        return f"'{default}'"
