r"""Filter patterns of CloudWatch Logs for lines of JSON: `{ ($.a = "x") && ($.b-c != "y" || $.n >= 3) }`.

Source: CloudWatch Logs user guide, "Filter pattern syntax for metric filters", JSON log events. Wildcards, regular
expressions, EXISTS, IS, arrays and patterns for other lines are refused by name, since nothing here uses them.
"""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Matches = Callable[[dict[str, Any]], bool]
TOKEN = re.compile(
    r'\s*(?:(?P<selector>\$(?:\.[\w-]+)+)|(?P<text>"(?:[^"\\]|\\.)*")|(?P<number>-?\d+(?:\.\d+)?)'
    r"|(?P<sign>&&|\|\||[()]|!=|<=|>=|[=<>]))"
)
COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class NotUnderstood(ValueError):
    """A pattern of a kind that is not emulated."""


@dataclass
class _Parser:
    pattern: str
    rest: str

    def token(self, *kinds: str) -> str | None:
        """The next token if it is of one of these kinds; it is taken."""
        found = TOKEN.match(self.rest)
        if found is None or found.lastgroup not in kinds:
            return None
        self.rest = self.rest[found.end() :]
        return str(found[found.lastgroup])

    def sign(self, *signs: str) -> str | None:
        before = self.rest
        found = self.token("sign")
        if found in signs:
            return found
        self.rest = before
        return None

    def any_of(self) -> Matches:
        matches = [self.all_of()]
        while self.sign("||"):
            matches.append(self.all_of())
        return lambda line: any(each(line) for each in matches)

    def all_of(self) -> Matches:
        matches = [self.one()]
        while self.sign("&&"):
            matches.append(self.one())
        return lambda line: all(each(line) for each in matches)

    def one(self) -> Matches:
        if self.sign("("):
            inner = self.any_of()
            if not self.sign(")"):
                raise self.failure()
            return inner
        selector, sign = self.token("selector"), self.sign(*COMPARISONS)
        value = self.token("text", "number") if selector and sign else None
        if not selector or not sign or value is None:
            raise self.failure()
        return _comparison(selector, sign, json.loads(value), self)

    def failure(self) -> NotUnderstood:
        return NotUnderstood(
            f"filter pattern {self.pattern!r}: what begins with {self.rest.strip()[:20]!r} is not emulated; "
            "change it, or teach local_cloud/adapters/cloudwatch/patterns.py"
        )


def compiled(pattern: str) -> Matches:
    """What tells whether a line matches. Raises NotUnderstood."""
    stripped = pattern.strip()
    if not (stripped.startswith("{") and stripped.endswith("}")):
        raise NotUnderstood(
            f"filter pattern {pattern!r}: only patterns for lines of JSON are emulated"
        )
    parser = _Parser(pattern, stripped[1:-1])
    matches = parser.any_of()
    if parser.rest.strip():
        raise parser.failure()
    return matches


def selected(line: dict[str, Any], selector: str) -> Any:
    """The value at `$.a.b`, None if there is none."""
    value: Any = line
    for name in selector.removeprefix("$.").split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _comparison(selector: str, sign: str, wanted: Any, parser: _Parser) -> Matches:
    if isinstance(wanted, str) and (sign not in ("=", "!=") or "*" in wanted):
        raise parser.failure()
    compare = COMPARISONS[sign]

    def matches(line: dict[str, Any]) -> bool:
        value = selected(line, selector)
        comparable = isinstance(value, type(wanted) if isinstance(wanted, str) else int | float)
        return comparable and not isinstance(value, bool) and compare(value, wanted)

    return matches
