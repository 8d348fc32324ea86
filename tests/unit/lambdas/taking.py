"""What the tests of intake share: the whole of it over the account."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from contracts import model
from lambdas.intake.registration import Registration
from lambdas.intake.rejection import Rejection
from lambdas.intake.runs import RunStarter
from lambdas.intake.service import Intake
from lambdas.intake.storage import Storage

FOLDER = "partners/acme/sales_records"
Sales = Callable[..., bytes]


def intake(account: Any, *contracts: model.Contract) -> Intake:
    """Intake over the account."""
    storage = Storage(account.fused("s3"))
    return Intake(
        contracts=contracts,
        schema_change="evolve",
        storage=storage,
        registration=Registration(raw_bucket="raw", files=account.files(), storage=storage),
        rejection=Rejection(
            environment="dev",
            burst_seconds=300,
            files=account.files(),
            storage=storage,
            bursts=account.bursts(),
            announcer=account.announcer(),
        ),
        runs=RunStarter(stepfunctions=account.fused("stepfunctions"), state_machine_arn=account.machine_arn),
    )


def sha(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
