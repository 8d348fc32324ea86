"""The only way an adapter changes the emulator: named, checked, and loud when the emulator has changed."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from importlib.metadata import version
from typing import Any


class EmulatorChanged(RuntimeError):
    """The emulator no longer has the private name that an adapter relies on."""


def original(module_name: str, name: str) -> Any:
    """A private name of the emulator that an adapter calls.

    Raises:
        EmulatorChanged: the name is not there.
    """
    module = importlib.import_module(module_name)
    try:
        return getattr(module, name)
    except AttributeError as exc:
        raise EmulatorChanged(
            f"{module_name}.{name} does not exist in ministack {version('ministack')}; the adapter that uses it must "
            "be checked against the new version, or the pinned version in requirements.in put back"
        ) from exc


def replace(module_name: str, name: str, make: Callable[[Any], Any]) -> None:
    """Put `make(original)` in the place of a private name of the emulator."""
    module = importlib.import_module(module_name)
    setattr(module, name, make(original(module_name, name)))
