"""`slipway contract`: what a change of a contract means (diff), and whether its version says so (check)."""

from __future__ import annotations

import argparse
from pathlib import Path

from contracts.authoring import __main__ as authoring
from contracts.authoring import history
from contracts.authoring.sources import open_contract
from contracts.errors import ContractInvalid
from slipway.showing import contract_diff

ROOT = Path(__file__).resolve().parents[2]


def run(options: argparse.Namespace) -> int:
    """0; for `check` 1 when a contract has a mistake, is not compiled, its version does not fit its changes,
    or a release is not what it is in the base branch."""
    if options.action == "check":
        if options.base and (changed := history.rewritten(ROOT, options.base)):
            raise ContractInvalid("\n".join(changed))
        return authoring.main(["--check"])
    old, new = (open_contract(name, root=ROOT) for name in (options.old, options.new))
    comparison = contract_diff.compare(old, new)
    if options.format == "json":
        contract_diff.show_json(comparison)
    else:
        contract_diff.show_table(comparison)
    return 0
