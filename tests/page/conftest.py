"""One Chromium for all page tests, and the pages they open, written once."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dashboards import page
from dashboards.page_data import PageData
from tests.page import sample_page
from tests.page.browser import DESKTOP, Browser, browser


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture(scope="session")
def lake(tmp_path_factory: pytest.TempPathFactory) -> sample_page.Lake:
    """Two years of orders, of which the last quarter of the second has begun only."""
    return sample_page.generated_lake(tmp_path_factory.mktemp("orders"), months=23)


@pytest.fixture(scope="session")
def data(lake: sample_page.Lake) -> PageData:
    return sample_page.page(lake, sample_page.healthy(lake))


@pytest.fixture(scope="session")
def written(data: PageData, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(data, tmp_path_factory.mktemp("page"))


@pytest.fixture
def opened(chromium: Browser, written: Path) -> Browser:
    """The page of the two years, at desktop size, without filters."""
    chromium.look(size=DESKTOP)
    chromium.open(written)
    return chromium


@pytest.fixture
def open_with(chromium: Browser, data: PageData, tmp_path: Path) -> Callable[..., Browser]:
    """Open a page with other data."""

    def opener(**changes: object) -> Browser:
        chromium.look(size=DESKTOP)
        chromium.open(write(dataclasses.replace(data, **changes), tmp_path))  # type: ignore[arg-type]
        return chromium

    return opener


def write(data: PageData, folder: Path) -> Path:
    file = folder / "report.html"
    file.write_text(page.render(data), encoding="utf-8")
    return file
