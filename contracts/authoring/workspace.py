"""All datasets of a repository: check them, compile them, and refuse a compiled form that is stale."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from contracts import model
from contracts.authoring import releases
from contracts.authoring.checks import check_file
from contracts.authoring.compiler import to_json
from contracts.authoring.problems import Problem
from contracts.authoring.references import check_references
from contracts.errors import ContractInvalid

CONTRACT_FILE = "contract.yaml"
RELEASED = "released"  # folder beside that of the compiled contracts


def check(datasets_root: Path) -> list[Problem]:
    """Every mistake in every contract below `datasets_root`, sorted by file and line."""
    return _compiled(datasets_root)[0]


def compile_all(datasets_root: Path) -> dict[str, str]:
    """Compiled JSON text by dataset.

    Raises ContractInvalid with all mistakes, one per line.
    """
    problems, contracts = _compiled(datasets_root)
    if problems:
        raise ContractInvalid(_report(problems))
    return {contract.dataset: to_json(contract) for contract in contracts}


def require_current(datasets_root: Path, compiled_root: Path) -> tuple[model.Contract, ...]:
    """The contracts, provided that they are valid, compiled, and released under their version.

    `compiled_root` must hold exactly their compiled form, and the folder `released` beside it each of them.
    Raises ContractInvalid with all mistakes, or naming each compiled file that is missing, stale or left over, or each
    contract whose version does not fit its changes.
    """
    texts = compile_all(datasets_root)
    stale = stale_files(texts, compiled_root)
    if stale:
        raise ContractInvalid(
            f"compiled contracts are stale: run `make contracts` ({'; '.join(stale)})"
        )
    contracts = tuple(
        model.from_json(text, origin=f"contracts/compiled/{name}.json")
        for name, text in texts.items()
    )
    wrong = releases.mistakes(contracts, compiled_root.parent / RELEASED, may_be_new=False)
    if wrong:
        raise ContractInvalid(
            "\n  ".join(["contracts cannot be deployed under their versions", *wrong])
        )
    return contracts


def stale_files(texts: dict[str, str], compiled_root: Path) -> list[str]:
    """What differs between `texts` and the files in `compiled_root`, one phrase per file."""
    present = {file.stem: file.read_text(encoding="utf-8") for file in compiled_root.glob("*.json")}
    missing = [f"{name}.json is missing" for name in sorted(texts.keys() - present.keys())]
    left_over = [f"{name}.json has no contract" for name in sorted(present.keys() - texts.keys())]
    changed = [
        f"{name}.json differs from its contract"
        for name in sorted(texts.keys() & present.keys())
        if texts[name] != present[name]
    ]
    return missing + left_over + changed


def write_compiled(texts: dict[str, str], compiled_root: Path) -> list[str]:
    """Bring `compiled_root` up to date and return what was done; files that are current are not touched."""
    done: list[str] = []
    compiled_root.mkdir(parents=True, exist_ok=True)
    for file in sorted(compiled_root.glob("*.json")):
        if file.stem not in texts:
            file.unlink()
            done.append(f"removed {file.name}, which has no contract")
    for name, text in texts.items():
        file = compiled_root / f"{name}.json"
        if not file.is_file() or file.read_text(encoding="utf-8") != text:
            done.append(f"{'updated' if file.is_file() else 'compiled'} {file.name}")
            file.write_text(text, encoding="utf-8")
    return done


def _compiled(datasets_root: Path) -> tuple[list[Problem], list[model.Contract]]:
    folders = sorted(
        item
        for item in datasets_root.glob("*")
        if item.is_dir() and not item.name.startswith((".", "_"))
    )
    if not folders:
        message = "holds no <dataset>/contract.yaml"
        return [Problem(file=datasets_root.name, line=1, field="(folder)", message=message)], []
    files = [folder / CONTRACT_FILE for folder in folders]
    checked = [check_file(file) for file in files if file.is_file()]
    check_references({item.folder.name: item.parsed for item in checked})
    contracts = [contract for item in checked if (contract := item.compiled())]
    problems = [problem for item in checked for problem in item.document.problems]
    missing = [_without_contract(file.parent) for file in files if not file.is_file()]
    return sorted([*problems, *missing, *_clashes(contracts, datasets_root)]), contracts


def _without_contract(folder: Path) -> Problem:
    message = f"holds no {CONTRACT_FILE}; add it or remove the folder"
    return Problem(
        file=f"{folder.parent.name}/{folder.name}", line=1, field="(folder)", message=message
    )


def _clashes(contracts: list[model.Contract], datasets_root: Path) -> Iterator[Problem]:
    """Names that two datasets want: intake folders, and tables (which share a database per zone)."""
    owner: dict[tuple[str, str], str] = {}
    for contract in contracts:
        names = [("table", contract.dataset), *(("table", item.name) for item in contract.curated)]
        for kind, name in (("intake folder", contract.intake.folder), *names):
            other = owner.setdefault((kind, name), contract.dataset)
            if other != contract.dataset:
                message = f"{kind} {name!r} belongs to dataset {other!r} already; choose another"
                file = f"{datasets_root.name}/{contract.dataset}/{CONTRACT_FILE}"
                yield Problem(file=file, line=1, field=kind, message=message)


def _report(problems: list[Problem]) -> str:
    count = f"{len(problems)} mistake{'s' if len(problems) > 1 else ''} in contracts"
    return "\n".join([count, *(f"  {problem}" for problem in problems)])
