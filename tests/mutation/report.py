"""The figures of a mutation run per module, and every mutant that no test found, with its change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from mutmut.configuration import reset_config
from mutmut.mutation.data import SourceFileMutationData
from mutmut.mutation.diff_apply import get_diff_for_mutant

WORDS = {1: "killed", 0: "survived", 33: "no tests", None: "not run"}
HEADING = f"{'module':<44}{'mutants':>8}" + "".join(f"{word:>10}" for word in WORDS.values())


def lines(folder: Path) -> Iterator[str]:
    """A line per module that was mutated in the tree `folder`: mutants and what became of them."""
    for data in judged(folder):
        found = Counter(WORDS[code] for code in data.exit_code_by_key.values())
        if found:
            counts = "".join(f"{found[word]:>10}" for word in WORDS.values())
            yield f"{data.path!s:<44}{found.total():>8}{counts}"


def survivors(folder: Path) -> Iterator[str]:
    """The change of every mutant that the tests did not find, as a diff; to be called in `folder`."""
    reset_config()  # mutmut remembers the settings of the folder where it was first asked
    for data in judged(folder):
        for name, code in data.exit_code_by_key.items():
            if WORDS[code] in ("survived", "no tests"):
                yield f"# {name}: {WORDS[code]}\n{get_diff_for_mutant(name)}"


def judged(folder: Path) -> Iterator[SourceFileMutationData]:
    """What is known of each module that was mutated in the tree `folder`."""
    for path in sorted((folder / "mutants").rglob("*.meta")):
        data = SourceFileMutationData(path=path.relative_to(folder / "mutants").with_suffix(""))
        data.meta_path = path
        data.load()
        yield data


def join(parts: list[Path], folder: Path) -> None:
    """Write down in the tree `folder` what was judged in each of its copies."""
    for data in judged(folder):
        for part in parts:
            copy = SourceFileMutationData(path=data.path)
            copy.meta_path = part / "mutants" / data.meta_path.relative_to(folder / "mutants")
            copy.load()
            data.exit_code_by_key |= {
                name: code for name, code in copy.exit_code_by_key.items() if code is not None
            }
        data.save()
