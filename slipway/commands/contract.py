"""`slipway contract`: what a change of a contract or mart means (diff), and whether its version says so (check).

`diff --deployed` compares with what an environment runs under, and refuses releases that were rewritten since.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb

from contracts import model
from contracts.authoring import __main__ as authoring
from contracts.authoring import history
from contracts.authoring.marts.releases import FOLDER
from contracts.authoring.marts.sources import open_mart
from contracts.authoring.marts.workspace import MART_FILE
from contracts.authoring.sources import open_contract
from contracts.authoring.workspace import CONTRACT_FILE
from contracts.errors import ContractInvalid, PermanentError
from contracts.model import Contract
from duckdb_jobs import proven_sql
from slipway.console import say
from slipway.deployment import LOCAL, connect
from slipway.reading import deployed_contracts
from slipway.showing import contract_diff

ROOT = Path(__file__).resolve().parents[2]


def run(options: argparse.Namespace) -> int:
    """0; for `check` 1 when a contract has a mistake, is not compiled, its version does not fit its changes,
    or a release is not what it is in the base branch; for `diff --deployed` 1 when it is not what is deployed."""
    if options.action == "check":
        if options.base and (changed := history.rewritten(ROOT, options.base)):
            raise ContractInvalid("\n".join(changed))
        return authoring.main(["--check"]) or _say_what_is_sparks()
    if options.deployed:
        _diff_deployed(options)
    else:
        _diff(_two(options.contracts), options.format)
    return 0


def _diff(names: tuple[str, str], form: str) -> None:
    old, new = (open_mart(name, root=ROOT) for name in names)
    if old is not None and new is not None:
        _print(contract_diff.compare_marts(old, new), form)
        return
    if old is not None or new is not None:
        raise PermanentError(
            f"{names[0]} and {names[1]} are a mart and no mart; compare two versions of one"
        )
    _show(open_contract(names[0], root=ROOT), open_contract(names[1], root=ROOT), form)


def _say_what_is_sparks() -> int:
    """Name the models that no small run computes with DuckDB, so that nobody wonders why Glue starts; 0."""
    with duckdb.connect() as database:
        for dataset in model.datasets():
            for sentence in proven_sql.unproven(database, model.load(dataset)):
                say(f"{dataset}: every run computes it with Spark: {sentence}")
    return 0


def _two(names: list[str]) -> tuple[str, str]:
    if len(names) != 2:
        raise PermanentError(
            f"{len(names)} contracts are named; give OLD and NEW, or --deployed with at most one name"
        )
    return names[0], names[1]


def _show(old: Contract, new: Contract, form: str) -> None:
    _print(contract_diff.compare(old, new), form)


def _print(comparison: contract_diff.Comparison, form: str) -> None:
    if form == "json":
        contract_diff.show_json(comparison)
    else:
        contract_diff.show_table(comparison)


def _diff_deployed(options: argparse.Namespace) -> None:
    """What deploying now would change of each contract and mart, or of the one that is named."""
    if len(options.contracts) > 1 or (options.format == "json" and not options.contracts):
        raise PermanentError(
            "--deployed takes one dataset or mart, or none for all; --format json needs one"
        )
    if options.environment == LOCAL:
        raise PermanentError(
            "the embedded AWS runs what is here, and gives its code to nobody: give --environment dev or prod"
        )
    deployed = deployed_contracts.read(connect(options.environment))
    released = {**deployed.contracts, **_in_folder(deployed.marts)}
    if unlike := history.not_as_deployed(ROOT, released):
        raise ContractInvalid("\n".join(unlike))
    there = {**deployed.contracts, **deployed.marts}  # no mart is called like a dataset
    here = {
        file.parent.name
        for kind, name in (("datasets", CONTRACT_FILE), ("marts", MART_FILE))
        for file in (ROOT / kind).glob(f"*/{name}")
    }
    for name in options.contracts or sorted({*here, *there}):
        if name not in there:
            if name not in here:
                open_contract(name, root=ROOT)  # a name that nobody knows is refused
            say(f"{name} is not deployed yet")
        elif name not in here:
            say(f"{name} {there[name]['version']} is deployed and no longer here")
        else:
            _diff((f"{name}@{there[name]['version']}", name), options.format)


def _in_folder(marts: Mapping[str, Any]) -> dict[str, Any]:
    """Marts by the folder of their releases."""
    return {f"{FOLDER}/{name}": each for name, each in marts.items()}
