"""All marts of a repository: check them, compile them, and refuse a compiled form that is stale."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from contracts import marts, naming
from contracts.authoring import compiler, yaml_lines
from contracts.authoring.marts import releases
from contracts.authoring.marts.checks import check_meaning
from contracts.authoring.marts.parsed import ParsedMart, take_apart
from contracts.authoring.problems import Problem
from contracts.authoring.workspace import RELEASED, stale_files, write_compiled
from contracts.errors import ContractInvalid
from contracts.marts import Mart
from contracts.model import Contract

MART_FILE = "mart.yaml"
DASHBOARD_FILE = "dashboard.yaml"  # checked by `python -m dashboards`
COMPILED = "marts"  # folder below that of the compiled contracts


def check(root: Path, contracts: Iterable[Contract]) -> tuple[list[Problem], dict[str, Mart]]:
    """Every mistake in every folder of `root`, sorted by file and line, and the marts that have none."""
    by_name = {contract.dataset: contract for contract in contracts}
    taken = _tables(by_name.values())
    problems: list[Problem] = []
    compiled: dict[str, Mart] = {}
    for folder in _folders(root):
        parsed = _check_folder(folder, by_name)
        problems += parsed.document.problems
        problems += _clash(parsed, taken)
        problems += _other_files(folder)
        if not parsed.document.problems:
            compiled[parsed.name] = _compiled(parsed, dashboard=(folder / DASHBOARD_FILE).is_file())
    return sorted(problems), compiled


def write(compiled_root: Path, found: Mapping[str, Mart]) -> list[str]:
    """Bring the compiled files up to date; what was done."""
    return write_compiled(_texts(found), compiled_root / COMPILED)


def stale(compiled_root: Path, found: Mapping[str, Mart]) -> list[str]:
    """What differs between the marts and their compiled files, one phrase per file."""
    return stale_files(_texts(found), compiled_root / COMPILED)


def require_current(
    root: Path, compiled_root: Path, contracts: Iterable[Contract]
) -> dict[str, Mart]:
    """The marts below `root` by name.

    Raises ContractInvalid with all mistakes, or naming each compiled file that is missing, stale or left over, or each
    mart whose version does not fit its changes.
    """
    problems, found = check(root, contracts)
    if problems:
        count = f"{len(problems)} mistake{'s' if len(problems) > 1 else ''} in marts"
        raise ContractInvalid("\n".join([count, *(f"  {problem}" for problem in problems)]))
    if phrases := stale(compiled_root, found):
        raise ContractInvalid(
            f"compiled marts are stale: run `make contracts` ({'; '.join(phrases)})"
        )
    wrong = releases.mistakes(found.values(), compiled_root.parent / RELEASED, may_be_new=False)
    if wrong:
        raise ContractInvalid(
            "\n  ".join(["marts cannot be deployed under their versions", *wrong])
        )
    return found


def _texts(found: Mapping[str, Mart]) -> dict[str, str]:
    return {name: marts.to_json(mart) for name, mart in found.items()}


def _folders(root: Path) -> list[Path]:
    return sorted(
        each for each in root.glob("*") if each.is_dir() and not each.name.startswith((".", "_"))
    )


def _check_folder(folder: Path, contracts: Mapping[str, Contract]) -> ParsedMart:
    file = folder / MART_FILE
    shown = f"{folder.parent.name}/{folder.name}/{MART_FILE}"
    document = yaml_lines.Document(file=shown)
    if not file.is_file():
        document.problem((), f"the file is missing; add it, or remove the folder {folder.name}")
    else:
        try:
            document = yaml_lines.read(file.read_text(encoding="utf-8"), file=shown)
        except UnicodeDecodeError as error:
            document.problem((), f"byte {error.start} is not UTF-8; save the file as UTF-8")
    parsed = take_apart(folder, document)
    if parsed.data:
        check_meaning(parsed, contracts)
    return parsed


def _tables(contracts: Iterable[Contract]) -> dict[str, str]:
    """Names that marts cannot have, since a dataset has them, and which one."""
    names: dict[str, str] = {}
    for contract in contracts:
        curated = [model.name for model in contract.curated]
        forecasts = [naming.forecast_table(model.name) for model in contract.forecast_models]
        names |= dict.fromkeys((contract.dataset, *curated, *forecasts), contract.dataset)
    return names


def _clash(parsed: ParsedMart, taken: Mapping[str, str]) -> Iterator[Problem]:
    if owner := taken.get(parsed.name):
        message = f"{parsed.name!r} is a table of dataset {owner!r} already; rename the folder"
        yield Problem(file=parsed.document.file, line=1, field="(folder)", message=message)


def _other_files(folder: Path) -> Iterator[Problem]:
    """SQL that nothing reads: its author believes that it is used."""
    for file in sorted(folder.rglob("*.sql")):
        name = file.relative_to(folder).as_posix()
        if name != f"{folder.name}.sql":
            message = f"no mart reads this file; the SQL of this one is {folder.name}.sql"
            shown = f"{folder.parent.name}/{folder.name}/{name}"
            yield Problem(file=shown, line=1, field="(file)", message=message)


def _compiled(parsed: ParsedMart, *, dashboard: bool) -> Mart:
    spec = parsed.spec
    if spec is None or parsed.sql is None:
        raise ValueError(f"{parsed.document.file} has mistakes; check it before compiling")
    return Mart(
        name=parsed.name,
        version=spec.version,
        description=spec.description,
        owner=spec.owner,
        inputs=tuple(
            marts.MartInput(dataset=dataset, columns=columns)
            for dataset, columns in parsed.inputs.items()
        ),
        sql=parsed.sql,
        columns=tuple(
            marts.MartColumn(
                name=each.name,
                type=each.type,
                description=each.description,
                required=each.required,
                max_length=each.max_length,
            )
            for each in parsed.columns.values()
        ),
        grain=tuple(spec.grain),
        period=spec.period,
        period_column=spec.period_column,
        conserves=tuple(
            marts.Conserved(column=each.column, dataset=each.dataset, source=each.source)
            for each in parsed.conserves.values()
        ),
        rules=tuple(
            marts.MartRule(id=each.id, description=each.description, expression=each.expression)
            for each in parsed.rules.values()
        ),
        warehouse=compiler.warehouse(spec.warehouse),
        dashboard=dashboard,
        schedule=spec.schedule,
        after_inputs=spec.after_inputs,
    )
