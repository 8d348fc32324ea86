"""Synthesizes an environment with every rule pack of cdk-nag: `python -m tests.linters.synthesis FOLDER ENVIRONMENT`.

In a process of its own, since cdk-nag prints each finding. What it found stands in validation-report.json.
"""

from __future__ import annotations

import sys
from pathlib import Path

import aws_cdk as cdk
import cdk_nag

import app as entry_point
from tests.infrastructure.support import comprehensive_app, new_app

PACKS = (
    *("AwsSolutionsChecks", "NIST80053R5Checks", "HIPAASecurityChecks", "PCIDSS321Checks"),
    "ServerlessChecks",
)
OWN = "AwsSolutionsChecks"  # which an app of ours has already


def main(folder: str, environment: str) -> None:
    """Write templates and report; findings are no error here."""
    app = application(Path(folder), environment)
    others = [getattr(cdk_nag, pack)(app) for pack in PACKS if pack != OWN]
    cdk.Validations.of(app).add_plugins(*others)
    try:
        app.synth()
    except RuntimeError as findings:
        print(findings)


def application(folder: Path, environment: str) -> cdk.App:
    """As it is deployed from `config/`, or with every option in use."""
    if environment == "comprehensive":
        return comprehensive_app(folder)
    return entry_point.build(new_app(folder, environment=environment))


if __name__ == "__main__":
    main(*sys.argv[1:])
