"""What all unit tests share."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, partial

import pytest
from botocore.loaders import JSONFileLoader


@pytest.fixture(scope="session", autouse=True)
def _descriptions_are_read_once() -> Iterator[None]:
    """Each client would read the descriptions of its AWS service from disk again: a fifth of a test with moto."""
    with pytest.MonkeyPatch.context() as patch:
        load = cache(partial(JSONFileLoader.load_file, JSONFileLoader()))
        patch.setattr(JSONFileLoader, "load_file", lambda _self, path: load(path))
        yield
