"""A version that was released never changes, and a change has the version that its impact asks for."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from contracts.authoring import compile_all, releases, require_current
from contracts.authoring.__main__ import main
from contracts.errors import ContractInvalid
from contracts.model import Contract
from tests.unit.contracts.cases.base import FIXTURES, VISITS, edit
from tests.unit.contracts.versions import members, with_column

SAFE = replace(members(), description="x")
NEEDS_BACKFILL = with_column("weeks", minimum="1")
BREAKING = replace(members(), key=("member", "joined_on"))


@pytest.fixture
def registry(tmp_path: Path) -> Path:
    """A registry with the versions 2.3.0 and, above it as a number, 2.10.0; both are the fixture."""
    for version in ("2.3.0", "2.10.0"):
        releases.write_releases([replace(members(), version=version)], tmp_path / "released")
    return tmp_path / "released"


def found(contract: Contract, version: str, registry: Path) -> list[str]:
    return releases.mistakes([replace(contract, version=version)], registry, may_be_new=True)


@pytest.mark.parametrize(
    ("contract", "version"),
    [
        (members(), "2.10.0"),
        (members(), "2.10.1"),
        (SAFE, "2.10.1"),
        (SAFE, "3.0.0"),
        (NEEDS_BACKFILL, "2.11.0"),
        (NEEDS_BACKFILL, "3.0.0"),
        (BREAKING, "3.0.0"),
        (BREAKING, "10.0.0"),
    ],
)
def test_a_change_under_a_version_that_says_so_is_accepted(
    contract: Contract, version: str, registry: Path
) -> None:
    assert found(contract, version, registry) == []


@pytest.mark.parametrize(
    ("contract", "version", "wanted"),
    [
        (NEEDS_BACKFILL, "2.10.1", "2.11.0"),
        (BREAKING, "2.10.1", "3.0.0"),
        (BREAKING, "2.11.0", "3.0.0"),
    ],
)
def test_too_small_a_step_is_refused_with_the_change_and_the_version_to_write(
    contract: Contract, version: str, wanted: str, registry: Path
) -> None:
    (sentence,) = found(contract, version, registry)
    assert sentence.startswith(
        f"members: {version} is too small a step from 2.10.0 for a change that "
    )
    assert sentence.endswith(f"; write version: {wanted}")
    assert ("(columns.weeks.minimum: " in sentence) or ("(key: " in sentence)


@pytest.mark.parametrize(
    ("contract", "wanted"), [(SAFE, "2.10.1"), (NEEDS_BACKFILL, "2.11.0"), (BREAKING, "3.0.0")]
)
def test_a_released_version_does_not_change(
    contract: Contract, wanted: str, registry: Path
) -> None:
    (sentence,) = found(contract, "2.10.0", registry)
    assert sentence.startswith("members: differs from its release 2.10.0 (")
    assert sentence.endswith(
        f"; write version: {wanted}, or remove released/members/2.10.0.json if it was never deployed"
    )


@pytest.mark.parametrize("version", ["2.3.0", "2.9.9", "1.99.99"])
def test_versions_are_compared_as_numbers_and_never_go_back(version: str, registry: Path) -> None:
    (sentence,) = found(SAFE, version, registry)
    assert (
        sentence == f"members: {version} is below the highest release 2.10.0; write version: 2.10.1"
    )


def test_many_changes_are_counted_and_the_gravest_named(registry: Path) -> None:
    changed = replace(BREAKING, description="x", owner="x", alert_email="x", freshness_hours=1)
    (sentence,) = found(changed, "2.11.0", registry)
    assert "(key: which row replaces which" in sentence
    assert "; and 2 more)" in sentence
    (sentence,) = found(replace(BREAKING, description="x", owner="x"), "2.11.0", registry)
    assert " more)" not in sentence


def test_a_step_that_is_too_small_says_for_which_changes(registry: Path) -> None:
    (sentence,) = found(replace(NEEDS_BACKFILL, description="x"), "2.10.1", registry)
    limit = "columns.weeks.minimum: rows that are loaded may break it; a backfill judges them again"
    assert sentence == (
        "members: 2.10.1 is too small a step from 2.10.0 for a change that needs a backfill "
        f"({limit}; description: only people read it); write version: 2.11.0"
    )


def test_a_version_with_a_leading_zero_is_the_release_written_otherwise(registry: Path) -> None:
    (sentence,) = found(members(), "2.10.00", registry)
    assert sentence == (
        "members: differs from its release 2.10.00 (it compiles to something else); write version: 2.10.1, or remove "
        "released/members/2.10.00.json if it was never deployed"
    )


def test_releases_are_ordered_as_numbers(registry: Path) -> None:
    assert list(releases.released("members", registry)) == [(2, 3, 0), (2, 10, 0)]


def test_a_dataset_without_releases_knows_no_version(tmp_path: Path) -> None:
    with pytest.raises(
        ContractInvalid, match=r"no release released/members/2\.3\.0\.json; known versions: none$"
    ):
        releases.read_release(tmp_path / "released" / "members" / "2.3.0.json")


def test_the_first_version_of_a_dataset_is_free_and_missing_until_it_is_written(
    tmp_path: Path,
) -> None:
    assert releases.mistakes([members()], tmp_path / "released", may_be_new=True) == []
    (sentence,) = releases.mistakes([members()], tmp_path / "released", may_be_new=False)
    assert sentence == "members: released/members/2.3.0.json is missing; run `make contracts`"
    assert releases.write_releases([members()], tmp_path / "released") == [
        "members 2.3.0 is a new release"
    ]
    assert releases.mistakes([members()], tmp_path / "released", may_be_new=False) == []
    assert (
        releases.write_releases([SAFE], tmp_path / "released") == []
    )  # what is there is not touched
    assert releases.read_release(tmp_path / "released" / "members" / "2.3.0.json") == members()


def test_a_release_that_cannot_be_trusted_is_refused(registry: Path) -> None:
    folder = registry / "members"
    with pytest.raises(
        ContractInvalid,
        match=r"no release released/members/7\.0\.0\.json; known .*: 2\.3\.0, 2\.10\.0",
    ):
        releases.read_release(folder / "7.0.0.json")
    shutil.copy(folder / "2.3.0.json", folder / "2.4.0.json")
    with pytest.raises(
        ContractInvalid,
        match=r"2\.4\.0\.json holds members 2\.3\.0; a release is named by its version",
    ):
        releases.released("members", registry)
    (folder / "2.4.0.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ContractInvalid) as refused:
        releases.released("members", registry)
    assert str(refused.value) == (
        "released/members/2.4.0.json cannot be read (KeyError('intake')); a field that contracts.model gained later "
        "must be added to it, with the value that was meant then"
    )
    (folder / "2.4.0.json").rename(folder / "latest.json")
    with pytest.raises(ContractInvalid, match="found version 'latest'; expected three numbers"):
        releases.released("members", registry)


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A repository with the tiny dataset: contract, compiled form, release."""
    return Path(shutil.copytree(FIXTURES / "tiny", tmp_path / "tiny"))


def run(workspace: Path, *more: str) -> int:
    return main(
        [
            "--datasets",
            str(workspace / "datasets"),
            "--compiled",
            str(workspace / "compiled"),
            *more,
        ]
    )


def test_make_contracts_writes_a_new_version_and_nothing_under_an_old_one(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (workspace / "compiled" / "visits.json").read_text(encoding="utf-8")
    edit(workspace / "datasets" / VISITS, "maximum: 999.50", "maximum: 900.00")
    assert run(workspace) == 1
    said = capsys.readouterr().err
    assert said.startswith(
        "visits: differs from its release 0.1.0 (columns.spent.maximum: rows that are loaded"
    )
    assert "write version: 0.2.0" in said
    assert (workspace / "compiled" / "visits.json").read_text(encoding="utf-8") == before
    edit(workspace / "datasets" / VISITS, "version: 0.1.0", "version: 0.2.0")
    assert run(workspace) == 0
    assert capsys.readouterr().out.splitlines() == [
        "updated visits.json",
        "visits 0.2.0 is a new release",
    ]
    assert run(workspace, "--check") == 0


def test_ci_and_synth_refuse_a_version_that_is_not_released_or_too_small(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(workspace / "datasets" / VISITS, "folder: visits", "folder: calls")
    edit(workspace / "datasets" / VISITS, "version: 0.1.0", "version: 0.1.1")
    for name, text in compile_all(workspace / "datasets").items():
        (workspace / "compiled" / f"{name}.json").write_text(text, encoding="utf-8")
    assert run(workspace, "--check") == 1
    said = capsys.readouterr().err
    assert (
        "visits: 0.1.1 is too small a step from 0.1.0 for a change that is breaking (intake.folder: "
        in said
    )
    assert "visits: released/visits/0.1.1.json is missing" in said
    with pytest.raises(
        ContractInvalid, match=r"cannot be deployed under their versions\n.*write version: 1\.0\.0"
    ):
        require_current(workspace / "datasets", workspace / "compiled")
