"""All sources of a repository: check them, compile them, and refuse a compiled form that is stale."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from contracts.authoring import yaml_lines
from contracts.authoring.problems import Problem
from contracts.authoring.workspace import stale_files, write_compiled
from contracts.errors import ContractInvalid
from contracts.model import Contract
from sources import model
from sources.authoring.checks import check_meaning
from sources.authoring.compiler import compile_source
from sources.authoring.parsed import ParsedSource, take_apart

COMPILED = "compiled"  # folder below that of the sources


def check(
    root: Path, contracts: Iterable[Contract]
) -> tuple[list[Problem], dict[str, model.Source]]:
    """Every mistake in every `*.yaml` of `root`, sorted by file and line, and the sources that have none."""
    by_name = {contract.dataset: contract for contract in contracts}
    problems: list[Problem] = []
    compiled: dict[str, model.Source] = {}
    for file in sorted(root.glob("*.yaml")):
        parsed = _check_file(file, by_name)
        problems += parsed.document.problems
        if not parsed.document.problems and parsed.spec:
            compiled[parsed.name] = compile_source(parsed, by_name[parsed.spec.dataset])
    return sorted(problems), compiled


def write(root: Path, sources: Mapping[str, model.Source]) -> list[str]:
    """Bring the compiled files up to date; what was done."""
    return write_compiled(_texts(sources), root / COMPILED)


def stale(root: Path, sources: Mapping[str, model.Source]) -> list[str]:
    """What differs between the sources and their compiled files, one phrase per file."""
    return stale_files(_texts(sources), root / COMPILED)


def require_current(root: Path, contracts: Iterable[Contract]) -> dict[str, model.Source]:
    """The sources below `root` by name.

    Raises ContractInvalid with all mistakes, or naming each compiled file that is missing, stale or left over.
    """
    problems, sources = check(root, contracts)
    if problems:
        count = f"{len(problems)} mistake{'s' if len(problems) > 1 else ''} in sources"
        raise ContractInvalid("\n".join([count, *(f"  {problem}" for problem in problems)]))
    if phrases := stale(root, sources):
        raise ContractInvalid(
            f"compiled sources are stale: run `make contracts` ({'; '.join(phrases)})"
        )
    return sources


def _texts(sources: Mapping[str, model.Source]) -> dict[str, str]:
    return {name: model.to_json(source) for name, source in sources.items()}


def _check_file(file: Path, contracts: Mapping[str, Contract]) -> ParsedSource:
    shown = f"{file.parent.name}/{file.name}"
    try:
        document = yaml_lines.read(file.read_text(encoding="utf-8"), file=shown)
    except UnicodeDecodeError as error:
        document = yaml_lines.Document(file=shown)
        document.problem((), f"byte {error.start} is not UTF-8; save the file as UTF-8")
    parsed = take_apart(file.stem, document, file.parent)
    if parsed.data:
        check_meaning(parsed, contracts)
    return parsed
