"""The modes of a run: which take files, and what everybody else makes of them."""

from __future__ import annotations

from typing import get_args

import pytest

from pipeline import modes
from pipeline.ledger import HELD_STATUS
from pipeline.modes import LoadMode, MaintenanceMode, RunMode


def test_every_mode_is_either_a_load_or_maintenance() -> None:
    assert get_args(RunMode) == (*get_args(LoadMode), *get_args(MaintenanceMode))
    assert len(set(get_args(RunMode))) == len(get_args(RunMode))


@pytest.mark.parametrize("mode", get_args(RunMode))
def test_load_modes_and_no_others_work_on_files_that_the_ledger_holds(mode: RunMode) -> None:
    is_load = mode in get_args(LoadMode)
    assert modes.works_on_files(mode) == is_load
    assert (mode in HELD_STATUS) == is_load
    assert modes.known(mode) == mode


@pytest.mark.parametrize("word", ["", "loads", "None"])
def test_another_word_is_no_mode(word: str) -> None:
    assert modes.known(word) is None
    assert not modes.works_on_files(word)
