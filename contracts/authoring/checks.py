"""One contract file: read, checked, and compiled when nothing is wrong with it."""

from __future__ import annotations

from pathlib import Path as FilePath

from open_data_contract_standard.model import OpenDataContractStandard
from pydantic import ValidationError

from contracts import model
from contracts.authoring import yaml_lines
from contracts.authoring.compiler import compile_contract
from contracts.authoring.parsed import take_apart
from contracts.authoring.problems import Problem
from contracts.authoring.table_checks import check_meaning


def check_file(file: FilePath) -> tuple[list[Problem], model.Contract | None]:
    """All mistakes of a contract file, or its contract."""
    shown = f"{file.parent.parent.name}/{file.parent.name}/{file.name}"
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        message = f"byte {error.start} is not UTF-8; save the file as UTF-8"
        return [Problem(file=shown, line=1, field="(document)", message=message)], None
    document = yaml_lines.read(text, file=shown)
    if document.data is None:
        return document.problems, None
    contract = take_apart(document)
    check_meaning(contract, file.parent)
    if not document.problems:
        _check_standard(document)
    return document.problems, None if document.problems else compile_contract(contract, file.parent)


def _check_standard(document: yaml_lines.Document) -> None:
    """What Slipway accepts must be accepted by the standard's own model too."""
    try:
        OpenDataContractStandard.model_validate(document.data)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            document.problem(tuple(detail["loc"]), f"not ODCS: {detail['msg']}")
