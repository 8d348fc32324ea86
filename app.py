"""Entry point of the CDK: settings and contracts in, one environment's stacks out, checked before they leave.

    cdk synth [-c environment=dev|prod|local] [-c delete-data=yes] [-c sftp-public-key="ssh-ed25519 ..."]
              [-c engine=spark|duckdb|emr] [-c settings=FILE] [-c estimate=yes]

`estimate` is for `slipway cost`, which calls no `cdk`: the destination may be open then, since nothing is deployed.
Everything is decided by files of this repository and those context values: no credentials, no network, no clock.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import aws_cdk as cdk
from cdk_nag import AwsSolutionsChecks

from contracts.errors import ContractInvalid
from stacks import readiness
from stacks.application import compose, current_contracts, current_marts, current_sources
from stacks.base import Blueprint
from stacks.layers import LayerMissing
from stacks.settings import Settings, load

# Set for every application that it runs. Source: aws-cdk, cx-api, CLI_VERSION_ENV.
CDK_COMMAND_LINE = "CDK_CLI_VERSION"
ROOT = Path(__file__).resolve().parent


def build(app: cdk.App, *, root: Path = ROOT, config: Path = ROOT / "config") -> cdk.App:
    """Compose the environment that `app`'s context names. Raises ContractInvalid if contract or settings are wrong."""
    contracts = current_contracts(root)
    blueprint = Blueprint(
        root=root,
        settings=_settings(app, config),
        contracts=contracts,
        sources=current_sources(root, contracts),
        marts=current_marts(root, contracts),
        delete_data=app.node.try_get_context("delete-data") == "yes",
    )
    compose(app, blueprint)
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    return app


def _settings(app: cdk.App, config: Path) -> Settings:
    return load(
        config,
        app.node.try_get_context("environment") or "dev",
        extra_public_key=app.node.try_get_context("sftp-public-key"),
        engine=app.node.try_get_context("engine"),
        rehearsed=app.node.try_get_context("settings"),
    )


def is_estimate(app: cdk.App, environment: Mapping[str, str]) -> bool:
    """Whether only a price is asked for. Raises ContractInvalid under the CDK's command line, which could deploy."""
    if app.node.try_get_context("estimate") != "yes":
        return False
    if CDK_COMMAND_LINE in environment:
        raise ContractInvalid(
            "-c estimate=yes is for `slipway cost` alone, which deploys nothing; leave it out and set account and "
            "region in config/"
        )
    return True


def main() -> None:
    """Synthesize, or say in one message what is wrong."""
    app = cdk.App(stack_traces=False)  # nobody reads them, and they slow a synthesis down
    try:
        if not is_estimate(app, os.environ):
            readiness.require_destination(_settings(app, ROOT / "config"))
        build(app).synth()
    except (ContractInvalid, LayerMissing) as error:
        sys.exit(f"cannot synthesize:\n{error}")


if __name__ == "__main__":
    main()
