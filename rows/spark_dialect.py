"""SQL text as Spark 4.0 reads it, with ANSI mode on and UTC as the session's zone."""

from __future__ import annotations

from collections.abc import Sequence

from rows.dialect import INNER_PAD, OUTER_PAD, Dialect


class SparkDialect(Dialect):
    """Texts for `F.expr`."""

    def text(self, value: str) -> str:
        escaped = value.replace("\\", "\\\\").replace("'", "\\'")
        # Spark puts settings in place of ${...} before it parses, even within a literal.
        return "'" + escaped.replace("${", "\\u0024{") + "'"

    def name(self, name: str) -> str:
        return f"`{name}`"

    def type(self, kind: str) -> str:
        return "timestamp_ntz" if kind == "timestamp" else kind

    def lowered(self, text: str) -> str:
        return f"lower({text})"

    def trimmed(self, text: str, characters: str) -> str:
        return f"btrim({text}, {self.text(characters)})"

    def matches(self, text: str, pattern: str) -> str:
        return f"{text} RLIKE {self.text(pattern)}"

    def replaced(self, text: str, pattern: str, by: str) -> str:
        return f"regexp_replace({text}, {self.text(pattern)}, {self.text(by)})"

    def escaped(self, text: str, characters: str) -> str:
        some = self.text(f"[{characters}]")
        code = f"{self.text(chr(92) + 'u')} || lpad(lower(hex(ascii(one))), 4, '0')"
        every = f"regexp_extract_all({text}, {self.text('(?s)(.)')})"
        shown = f"transform({every}, one -> CASE WHEN one RLIKE {some} THEN {code} ELSE one END)"
        return f"CASE WHEN {text} RLIKE {some} THEN array_join({shown}, '') ELSE {text} END"

    def date(self, text: str, date_format: str) -> str:
        # try_to_date came with Spark 4.1; EMR Serverless may run 4.0
        return f"CAST(try_to_timestamp({text}, {self.text(date_format)}) AS date)"

    def timestamp(self, text: str, date_format: str) -> str:
        return f"CAST(try_to_timestamp({text}, {self.text(date_format)}) AS timestamp_ntz)"

    def moment(self, timestamp: str) -> str:
        return f"date_format({timestamp}, 'yyyy-MM-dd HH:mm:ss.SSSSSS')"

    def newest(self, value: str, order: str) -> str:
        return f"max_by({value}, {order})"

    def listed(self, items: Sequence[str]) -> str:
        return f"CAST(array_compact(array({', '.join(items)})) AS array<string>)"

    def token(self, text: str) -> str:
        inner = f"unhex(sha2(concat({INNER_PAD}, CAST({text} AS binary)), 256))"
        return f"sha2(concat({OUTER_PAD}, {inner}), 256)"
