"""When the application is synthesized again: whenever anything changes that a synthesis could read."""

from __future__ import annotations

from pathlib import Path

import pytest

from local_cloud import assembly, keys
from local_cloud.assembly import ASSEMBLY


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A small repository."""
    for name in (
        "stacks/base.py",
        "datasets/orders/contract.yaml",
        "tests/test_it.py",
        ".git/HEAD",
    ):
        (tmp_path / "root" / name).parent.mkdir(parents=True)
        (tmp_path / "root" / name).write_text("as it was")
    (tmp_path / "root" / "cdk.json").write_text("{}")
    return tmp_path / "root"


@pytest.fixture
def syntheses(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Directories that were synthesized to."""
    done: list[Path] = []

    def synthesize(directory: Path, _engine: str | None, _settings: Path | None) -> None:
        (directory / ASSEMBLY).mkdir()
        done.append(directory)

    monkeypatch.setattr(assembly, "synthesize", synthesize)
    return done


@pytest.mark.parametrize(
    "changed", ["stacks/base.py", "datasets/orders/contract.yaml", "cdk.json", "a_new_room/file.py"]
)
def test_a_changed_or_new_input_is_synthesized(
    tmp_path: Path, root: Path, syntheses: list[Path], changed: str
) -> None:
    before = assembly.current(tmp_path / "store", root=root)
    (root / changed).parent.mkdir(exist_ok=True)
    (root / changed).write_text("otherwise")
    after = assembly.current(tmp_path / "store", root=root)
    assert syntheses == [before, after]
    assert before != after


def test_other_settings_that_are_rehearsed_are_another_assembly(
    root: Path, syntheses: list[Path], tmp_path: Path
) -> None:
    settings = tmp_path / "prod.yaml"
    made = []
    for text in ("environment: prod", "environment: prod # changed"):
        settings.write_text(text)
        made.append(assembly.current(tmp_path / "store", root=root, settings=settings))
    assert assembly.current(tmp_path / "store", root=root) not in made
    assert len(set(made)) == 2
    assert len(syntheses) == 3


def test_another_engine_for_every_run_is_another_assembly(
    root: Path, syntheses: list[Path], tmp_path: Path
) -> None:
    engines = (None, "duckdb", "spark", "duckdb")
    kept = [assembly.current(tmp_path / "store", root=root, engine=engine) for engine in engines]
    assert len(set(kept)) == len(set(syntheses)) == 3


def test_a_renamed_input_is_synthesized(root: Path) -> None:
    before = assembly.fingerprint(root)
    (root / "stacks/base.py").rename(root / "stacks/basis.py")
    assert assembly.fingerprint(root) != before


@pytest.mark.parametrize(
    "changed", ["tests/test_it.py", ".git/HEAD", "stacks/__pycache__/base.pyc"]
)
def test_nothing_is_synthesized_for_what_no_synthesis_reads(
    tmp_path: Path, root: Path, syntheses: list[Path], changed: str
) -> None:
    before = assembly.current(tmp_path / "store", root=root)
    (root / changed).parent.mkdir(exist_ok=True)
    (root / changed).write_text("otherwise")
    assert assembly.current(tmp_path / "store", root=root) == before
    assert syntheses == [before]


def test_a_synthesis_that_failed_is_tried_again_and_keeps_no_half(
    tmp_path: Path, root: Path, syntheses: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(directory: Path, _engine: str | None, _settings: Path | None) -> None:
        (directory / "half").touch()
        raise RuntimeError("no templates")

    with monkeypatch.context() as patch:
        patch.setattr(assembly, "synthesize", failing)
        with pytest.raises(RuntimeError):
            assembly.current(tmp_path / "store", root=root)
    kept = assembly.current(tmp_path / "store", root=root)
    assert syntheses == [kept]
    assert not (kept / "half").exists()


def test_each_assembly_keeps_the_key_that_its_templates_name(
    tmp_path: Path, root: Path, syntheses: list[Path]
) -> None:
    kept = assembly.current(tmp_path / "store", root=root)
    assert syntheses == [kept]
    public = (kept / keys.PUBLIC_KEY).read_text()
    assert assembly.current(tmp_path / "store", root=root) == kept
    assert (kept / keys.PUBLIC_KEY).read_text() == public
    assert (kept / keys.PRIVATE_KEY).stat().st_mode & 0o077 == 0


def test_only_the_newest_are_kept(tmp_path: Path, root: Path, syntheses: list[Path]) -> None:
    for number in range(4):
        (root / "cdk.json").write_text(f"{number}")
        assembly.current(tmp_path / "store", root=root)
    folders = [path for path in (tmp_path / "store").iterdir() if path.is_dir()]
    assert len(folders) == assembly.KEPT
    assert syntheses[-1] in folders


def test_no_room_that_stacks_may_import_is_left_out() -> None:
    may = {"contracts", "pipeline", "rows", "dashboards", "stacks", "lambdas", "glue_jobs"}
    assert not may & assembly.NO_INPUT
