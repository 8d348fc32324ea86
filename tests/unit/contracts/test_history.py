"""A release that is in the base branch stays what it is; only fields that it did not have may come."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from contracts.authoring.history import FOLDER, not_as_deployed, rewritten
from contracts.errors import ContractInvalid
from slipway import __main__ as command_line

RELEASE: dict[str, Any] = {
    "dataset": "visits",
    "version": "1.0.0",
    "columns": [{"name": "visit_id", "maximum": None}],
}
Edit = Callable[[dict[str, Any]], None]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository whose commit `base` has one release."""
    write(tmp_path, "1.0.0", RELEASE)
    for command in (
        ["init", "--quiet"],
        ["add", "."],
        ["-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "--quiet", "-m", "one"],
        ["branch", "base"],
    ):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    return tmp_path


def write(root: Path, version: str, content: dict[str, Any]) -> Path:
    file = root / FOLDER / "visits" / f"{version}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content), encoding="utf-8")
    return file


def changed(**values: Any) -> dict[str, Any]:
    return json.loads(json.dumps(RELEASE)) | values


@pytest.mark.parametrize(
    "now",
    [
        RELEASE,
        changed(freshness_hours=24),
        changed(columns=[{"name": "visit_id", "maximum": None, "unit": None}]),
    ],
)
def test_a_release_may_gain_fields_that_it_did_not_have(
    repository: Path, now: dict[str, Any]
) -> None:
    write(repository, "1.0.0", now)
    write(repository, "1.1.0", now)
    assert rewritten(repository, "base") == []


@pytest.mark.parametrize(
    ("now", "place"),
    [
        (changed(columns=[{"name": "visit_id", "maximum": "9"}]), "columns[0].maximum"),
        (changed(columns=[{"name": "visit_id"}]), "columns[0].maximum"),
        (changed(columns=[]), "columns"),
        (changed(version="1.0.1"), "version"),
    ],
)
def test_a_release_that_was_rewritten_is_named_with_the_place(
    repository: Path, now: dict[str, Any], place: str
) -> None:
    write(repository, "1.0.0", now)
    [sentence] = rewritten(repository, "base")
    assert sentence.startswith(
        f"{FOLDER}/visits/1.0.0.json is released in base and differs here in"
    )
    assert f" {place};" in sentence


def test_a_release_that_was_taken_away_is_named(repository: Path) -> None:
    write(repository, "1.0.0", RELEASE).unlink()
    [sentence] = rewritten(repository, "base")
    assert "missing here" in sentence


def test_a_base_that_git_does_not_know_is_no_agreement(repository: Path) -> None:
    with pytest.raises(ContractInvalid, match="cannot be compared with 'nowhere'"):
        rewritten(repository, "nowhere")


def test_a_deployed_contract_is_held_against_its_release(repository: Path) -> None:
    deployed = {"visits": changed(dataset="visits", version="1.0.0")}
    write(repository, "1.0.0", deployed["visits"] | {"freshness_hours": 24})
    assert not_as_deployed(repository, deployed) == []
    write(repository, "1.0.0", deployed["visits"] | {"columns": []})
    [sentence] = not_as_deployed(repository, deployed)
    assert sentence.startswith(
        f"{FOLDER}/visits/1.0.0.json is deployed and differs here in columns"
    )
    [sentence] = not_as_deployed(repository, {"visits": deployed["visits"] | {"version": "9.0.0"}})
    assert sentence.startswith(f"{FOLDER}/visits/9.0.0.json is deployed and missing here")


def test_the_command_fails_on_what_was_rewritten(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[str] = []

    def found(_root: Path, base: str) -> list[str]:
        asked.append(base)
        return ["contracts/released/x is released in main and differs here in columns"]

    monkeypatch.setattr("contracts.authoring.history.rewritten", found)
    assert command_line.main(["contract", "check", "--base", "main"]) == 1
    assert "differs here in columns" in capsys.readouterr().err
    assert asked == ["main"]
