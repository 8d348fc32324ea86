"""An operator names an engine: what the request says, and that one which is not deployed is refused."""

from __future__ import annotations

import pytest

from contracts.errors import PermanentError
from slipway.acting import operations
from slipway.deployment import Deployment


def deployment(**outputs: str) -> Deployment:
    return Deployment(environment="prod", region="eu-central-1", outputs=outputs)


def test_a_request_names_the_engine_that_was_asked_for_and_none_otherwise() -> None:
    assert operations.engine(deployment(), None) == {}
    assert operations.engine(deployment(), "duckdb") == {"engine": "duckdb"}
    assert operations.engine(deployment(EmrApplicationId="00a"), "emr") == {"engine": "emr"}


def test_emr_serverless_that_is_not_deployed_is_refused_with_the_setting_that_brings_it() -> None:
    told = r"not deployed in prod; set emr\.enabled to true in config/prod\.yaml"
    with pytest.raises(PermanentError, match=told):
        operations.engine(deployment(), "emr")
