"""A walk through a state machine file for every test that asks for it."""

from __future__ import annotations

import pytest

from tests.unit.state_machine.walking import Walk, walker


@pytest.fixture
def walk(monkeypatch: pytest.MonkeyPatch) -> Walk:
    return walker(monkeypatch)
