"""DynamoDB's condition, key and update expressions, as far as the ledgers write them.

An expression is parsed once into a function and kept. Whatever is not known here is refused by name: a fake that
guessed would let code pass that DynamoDB refuses.
Source: DynamoDB developer guide, "Condition and filter expressions, operators, and functions" and "Update expressions".
"""

from __future__ import annotations

import functools
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

Item = dict[str, Any]
Operand = Callable[[Item], Any]
Condition = Callable[[Item], bool]
TOKEN = re.compile(r"\s*([#:][A-Za-z0-9_]+|[A-Za-z_][A-Za-z0-9_]*|<>|<=|>=|[=<>(),+])")
COMPARISONS = {
    "=": operator.eq, "<>": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
ABSENT = object()


class Unknown(NotImplementedError):
    """A call, a parameter or a form that this fake does not know."""


class Invalid(ValueError):
    """What DynamoDB answers with ValidationException."""


@dataclass(frozen=True)
class Scope:
    """What an expression's `#names` and `:values` stand for, and which of them were used."""

    names: Mapping[str, str]
    values: Mapping[str, Any]
    used: set[str]

    def name(self, token: str) -> str:
        """The attribute that a path of one part names."""
        if not token.startswith("#"):
            return token
        self.used.add(token)
        if token not in self.names:
            raise Invalid(f"{token} is not in ExpressionAttributeNames")
        return self.names[token]

    def value(self, token: str) -> Any:
        """The value that a placeholder stands for."""
        self.used.add(token)
        if token not in self.values:
            raise Invalid(f"{token} is not in ExpressionAttributeValues")
        return self.values[token]

    def refuse_unused(self) -> None:
        """DynamoDB refuses what an expression was given and does not use."""
        if unused := sorted((self.names.keys() | self.values.keys()) - self.used):
            raise Invalid(f"given and not used in any expression: {', '.join(unused)}")


Parsed = Callable[[Scope], Any]


class Tokens:
    """The words of an expression, taken one by one."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.words = list(_words(text))
        self.place = 0

    def peek(self) -> str:
        """The next word; empty at the end."""
        return self.words[self.place] if self.place < len(self.words) else ""

    def take(self, *wanted: str) -> str:
        """The next word, which must be one of `wanted` if any are given."""
        word = self.peek()
        if not word or (wanted and word not in wanted):
            raise Unknown(
                f"{word!r} in the expression {self.text!r}; expected {' or '.join(wanted) or 'a word'}"
            )
        self.place += 1
        return word

    def taken(self, word: str) -> bool:
        """Take `word` if it comes next."""
        if self.peek() != word:
            return False
        self.place += 1
        return True


def _words(text: str) -> Iterator[str]:
    place, text = 0, text.rstrip()
    while place < len(text):
        found = TOKEN.match(text, place)
        if found is None:
            raise Unknown(f"{text[place:]!r} in the expression {text!r}")
        place = found.end()
        yield found.group(1)


@functools.cache
def condition(text: str) -> Callable[[Scope], Condition]:
    """A condition or key expression."""
    tokens = Tokens(text)
    parsed = _either(tokens)
    if tokens.peek():
        raise Unknown(f"{tokens.peek()!r} in the expression {text!r}")
    return parsed


def _either(tokens: Tokens) -> Parsed:
    parts = [_both(tokens)]
    while tokens.taken("OR"):
        parts.append(_both(tokens))
    return _joined(parts, any)


def _both(tokens: Tokens) -> Parsed:
    parts = [_single(tokens)]
    while tokens.taken("AND"):
        parts.append(_single(tokens))
    return _joined(parts, all)


def _joined(parts: list[Parsed], join: Callable[[Iterator[bool]], bool]) -> Parsed:
    if len(parts) == 1:
        return parts[0]

    def bound(scope: Scope) -> Condition:
        every = [part(scope) for part in parts]
        return lambda item: join(part(item) for part in every)

    return bound


def _single(tokens: Tokens) -> Parsed:
    if tokens.taken("("):
        inside = _either(tokens)
        tokens.take(")")
        return inside
    word = tokens.take()
    if tokens.peek() == "(":
        return _function(word, tokens)
    if tokens.taken("BETWEEN"):
        low, high = tokens.take(), ""
        tokens.take("AND")
        high = tokens.take()
        return _between(word, low, high)
    return _comparison(word, COMPARISONS[tokens.take(*COMPARISONS)], tokens.take())


def _comparison(left: str, compare: Callable[[Any, Any], bool], right: str) -> Parsed:
    def bound(scope: Scope) -> Condition:
        first, second = _plain(left, scope), _plain(right, scope)
        return lambda item: _compared(first(item), compare, second(item))

    return bound


def _between(word: str, low: str, high: str) -> Parsed:
    def bound(scope: Scope) -> Condition:
        value, first, last = _plain(word, scope), _plain(low, scope), _plain(high, scope)
        return lambda item: (
            _compared(first(item), operator.le, value(item))
            and _compared(value(item), operator.le, last(item))
        )

    return bound


def _compared(left: Any, compare: Callable[[Any, Any], bool], right: Any) -> bool:
    """A missing attribute is unequal to everything, and neither smaller nor larger; so is one of another type."""
    if left is ABSENT or right is ABSENT or type(left) is not type(right):
        return compare is operator.ne
    return compare(left, right)


def _function(name: str, tokens: Tokens) -> Parsed:
    tokens.take("(")
    path = tokens.take()
    if name in ("attribute_exists", "attribute_not_exists"):
        tokens.take(")")
        return lambda scope: _exists(scope.name(path), wanted=name == "attribute_exists")
    if name == "begins_with":
        tokens.take(",")
        prefix = tokens.take()
        tokens.take(")")
        return lambda scope: _begins_with(_plain(path, scope), _plain(prefix, scope))
    raise Unknown(f"the function {name!r} in the expression {tokens.text!r}")


def _exists(name: str, *, wanted: bool) -> Condition:
    return lambda item: (name in item) == wanted


def _begins_with(path: Operand, prefix: Operand) -> Condition:
    return lambda item: isinstance(path(item), str) and path(item).startswith(prefix(item))


def _plain(word: str, scope: Scope) -> Operand:
    """A placeholder or an attribute of the item."""
    if word.startswith(":"):
        value = scope.value(word)
        return lambda _item: value
    name = scope.name(word)
    return lambda item: item.get(name, ABSENT)


@functools.cache
def update(text: str) -> Callable[[Scope], Callable[[Item], Item]]:
    """An update expression of SET and REMOVE: the item that it makes of another, whose own values it reads."""
    tokens = Tokens(text)
    sets: list[tuple[str, Parsed]] = []
    removed: list[str] = []
    while tokens.peek():
        if tokens.take("SET", "REMOVE") == "SET":
            sets.append(_assignment(tokens))
            while tokens.taken(","):
                sets.append(_assignment(tokens))
        else:
            removed.append(tokens.take())
            while tokens.taken(","):
                removed.append(tokens.take())
    return lambda scope: _changing(scope, sets, removed)


def _changing(
    scope: Scope, sets: list[tuple[str, Parsed]], removed: list[str]
) -> Callable[[Item], Item]:
    named = [(scope.name(path), value(scope)) for path, value in sets]
    gone = [scope.name(path) for path in removed]
    touched = [name for name, _ in named] + gone
    if len(touched) != len(set(touched)):
        raise Invalid(f"one attribute is changed twice: {', '.join(sorted(touched))}")

    def changed(item: Item) -> Item:
        after = {name: value for name, value in item.items() if name not in gone}
        return after | {name: _present(name, value(item)) for name, value in named}

    return changed


def _present(name: str, value: Any) -> Any:
    if value is ABSENT:
        raise Invalid(f"{name} is set to an attribute that the item does not have")
    return value


def _assignment(tokens: Tokens) -> tuple[str, Parsed]:
    path = tokens.take()
    tokens.take("=")
    left = _operand(tokens)
    if not tokens.taken("+"):
        return path, left
    right = _operand(tokens)

    def bound(scope: Scope) -> Operand:
        first, second = left(scope), right(scope)
        return lambda item: _sum(first(item), second(item))

    return path, bound


def _sum(left: Any, right: Any) -> Any:
    if not isinstance(left, Decimal) or not isinstance(right, Decimal):
        raise Invalid(f"+ wants two numbers, got {left!r} and {right!r}")
    return left + right


def _operand(tokens: Tokens) -> Parsed:
    word = tokens.take()
    if not tokens.taken("("):
        return lambda scope: _plain(word, scope)
    first = _operand(tokens)
    tokens.take(",")
    second = _operand(tokens)
    tokens.take(")")
    match word:
        case "if_not_exists":
            return lambda scope: _if_absent(first(scope), second(scope))
        case "list_append":
            return lambda scope: _appended(first(scope), second(scope))
    raise Unknown(f"the function {word!r} in the expression {tokens.text!r}")


def _if_absent(first: Operand, second: Operand) -> Operand:
    def value(item: Item) -> Any:
        known = first(item)
        return second(item) if known is ABSENT else known

    return value


def _appended(first: Operand, second: Operand) -> Operand:
    def value(item: Item) -> Any:
        left, right = first(item), second(item)
        if not isinstance(left, list) or not isinstance(right, list):
            raise Invalid(f"list_append wants two lists, got {left!r} and {right!r}")
        return [*left, *right]

    return value
