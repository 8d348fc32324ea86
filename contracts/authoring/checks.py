"""One contract file: read and checked, all but what only the other datasets can tell."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path as FilePath

from open_data_contract_standard.model import OpenDataContractStandard
from pydantic import ValidationError

from contracts import model
from contracts.authoring import yaml_lines
from contracts.authoring.compiler import compile_contract
from contracts.authoring.parsed import ParsedContract, take_apart
from contracts.authoring.table_checks import check_meaning


@dataclass(frozen=True, kw_only=True)
class CheckedFile:
    """A contract file, taken apart; `parsed` is None when it is no YAML that could be."""

    folder: FilePath
    document: yaml_lines.Document
    parsed: ParsedContract | None

    def compiled(self) -> model.Contract | None:
        """The contract, None while its document has a problem."""
        if self.parsed is None or self.document.problems:
            return None
        return compile_contract(self.parsed, self.folder)


def check_file(file: FilePath) -> CheckedFile:
    """Read a contract file and record all its mistakes in its document."""
    document = _read(file)
    if document.data is None:
        return CheckedFile(folder=file.parent, document=document, parsed=None)
    contract = take_apart(document)
    check_meaning(contract, file.parent)
    if not document.problems:
        _check_standard(document)
    return CheckedFile(folder=file.parent, document=document, parsed=contract)


def _read(file: FilePath) -> yaml_lines.Document:
    shown = f"{file.parent.parent.name}/{file.parent.name}/{file.name}"
    try:
        return yaml_lines.read(file.read_text(encoding="utf-8"), file=shown)
    except UnicodeDecodeError as error:
        document = yaml_lines.Document(file=shown)
        document.problem((), f"byte {error.start} is not UTF-8; save the file as UTF-8")
        return document


def _check_standard(document: yaml_lines.Document) -> None:
    """What Slipway accepts must be accepted by the standard's own model too."""
    try:
        OpenDataContractStandard.model_validate(document.data)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            document.problem(tuple(detail["loc"]), f"not ODCS: {detail['msg']}")
