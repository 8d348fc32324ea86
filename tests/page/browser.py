"""A real Chromium on one file, without network: what the console, the network log and the screen say about it."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

FLAGS = (
    "--headless=new",
    "--no-sandbox",  # the sandbox needs user namespaces, which containers rarely have
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)
PHONE = (375, 812)
DESKTOP = (1440, 900)


class Browser:
    """One tab. Sizes are CSS pixels."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver

    def look(self, *, size: tuple[int, int] = DESKTOP, dark: bool = False) -> None:
        """Choose the screen for what is opened or already shown."""
        width, height = size
        metrics = {
            "width": width,
            "height": height,
            "deviceScaleFactor": 1,
            "mobile": size == PHONE,
        }
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        self.emulate(prefers_color_scheme="dark" if dark else "light")

    def open(self, file: Path) -> None:
        """Open a page; what earlier pages wrote to the logs is forgotten."""
        self.driver.get_log("browser")
        self.driver.get_log("performance")
        self.driver.get(file.as_uri())

    def ask(self, script: str, *arguments: object) -> Any:
        """The value of a script's return statement."""
        return self.driver.execute_script(script, *arguments)

    def console(self) -> list[str]:
        """What the console said since the page was opened."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def requests(self) -> list[str]:
        """Every address that was asked for since the page was opened, but for what its policy stopped in time."""
        messages = [
            json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")
        ]
        sent = [
            event["params"] for event in messages if event["method"] == "Network.requestWillBeSent"
        ]
        failed = [
            event["params"] for event in messages if event["method"] == "Network.loadingFailed"
        ]
        stopped = {event["requestId"] for event in failed if event.get("blockedReason") == "csp"}
        return [event["request"]["url"] for event in sent if event["requestId"] not in stopped]

    def text(self, selector: str) -> str:
        """The text of the first element that matches."""
        return str(self.ask("return document.querySelector(arguments[0]).textContent", selector))

    def style(self, selector: str, name: str) -> str:
        """A computed style of the first element that matches."""
        return str(
            self.ask(
                "return getComputedStyle(document.querySelector(arguments[0]))[arguments[1]]",
                selector,
                name,
            )
        )

    def rows(self, selector: str) -> list[list[str]]:
        """The texts of all cells of the table rows that match."""
        script = (
            "return [...document.querySelectorAll(arguments[0])]"
            + ".map(row => [...row.cells].map(c => c.textContent))"
        )
        found: list[list[str]] = self.ask(script, selector)
        return found

    def emulate(self, media: str = "", **features: str) -> None:
        """Media type and features, such as prefers_color_scheme="dark"."""
        given = [
            {"name": name.replace("_", "-"), "value": value} for name, value in features.items()
        ]
        self.driver.execute_cdp_cmd(
            "Emulation.setEmulatedMedia", {"media": media, "features": given}
        )

    def picture(self, file: Path) -> None:
        """The whole page as PNG."""
        answer = self.driver.execute_cdp_cmd(
            "Page.captureScreenshot", {"captureBeyondViewport": True, "format": "png"}
        )
        file.write_bytes(base64.b64decode(answer["data"]))


@contextmanager
def browser(profile: Path) -> Iterator[Browser]:
    """Start Debian's Chromium with an empty profile, and end it."""
    options = webdriver.ChromeOptions()
    options.binary_location = _installed("chromium")
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(_installed("chromedriver")))
    try:
        yield Browser(driver)
    finally:
        driver.quit()


def _installed(program: str) -> str:
    found = shutil.which(program)
    if found is None:
        raise FileNotFoundError(
            f"{program} is not on PATH; `make chromium` installs it or says how"
        )
    return found
