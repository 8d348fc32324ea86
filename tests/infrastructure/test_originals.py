"""Who can read what partners sent, and undo the protection of personal data: a list that a new reader must join.

A role that is not in it, or no longer needs to be, fails the test until this file says so, with the reason.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aws_cdk.assertions import Template

from stacks.processing import ProcessingStack
from stacks.storage import StorageStack
from tests.infrastructure.support import (
    Assembly,
    actions_of,
    blueprint,
    flat,
    new_app,
    policies,
    resources_of,
    sales_records,
)

READS = {"s3:GetObject", "s3:GetObjectVersion"}
RAW = {"Raw/sales_records/*", "Raw/tiny/*"}
# Role (of every stack) -> objects that its policies let it get.
MAY_GET = {
    "Intake/Partneracme": {
        "Landing/partners/acme/*"
    },  # a partner sees its own uploads until they leave
    "Intake/Partnerglobex": {"Landing/partners/globex/*"},
    # checks and counts what landed, copies it to raw, and compares a copy that is there already
    "Intake/Intake": {"Landing/partners/*", "Landing/rejected/*", *RAW},
    # joins the parts of its own file, and looks whether that has landed already
    "Sources/SourceSalesApiFetchSource": {
        "Landing/fetching/sales_api/*",
        "Landing/partners/source-sales_api/sales_records/*",
    },
    "Sources/SourceShopOrdersFetchSource": {
        "Landing/fetching/shop_orders/*",
        "Landing/partners/source-shop_orders/sales_records/*",
    },
    "Sources/SourceSalesSftpFetchSource": {"Landing/partners/source-sales_sftp/sales_records/*"},
    "Sources/SourceSalesBucketFetchSource": {
        "Landing/partners/source-sales_bucket/sales_records/*"
    },
    "Processing/RawToProcessed": RAW,  # parses it
    "Processing/LoadSmallBatch": RAW,  # the same for small batches
    "Processing/EmrLoad": RAW,  # the same for very large ones
    # infer the tables of the raw zone, if features.raw_crawler
    "Processing/RawCrawlersSalesRecords": {"Raw/sales_records/*"},
    "Processing/RawCrawlersTiny": {"Raw/tiny/*"},
    "People/Session": RAW,  # the code of a notebook, if the settings name who may open one
    # exports refused records of raw, and sees whether a file that is judged again is still where it landed
    "People/Operator": {"Landing/partners/*", "Landing/rejected/*", *RAW},
}
# Role -> services through which it may use the key of originals; only who is here can read what it may get.
MAY_OPEN = {
    "Intake/Partneracme": {"s3"},
    "Intake/Partnerglobex": {"s3"},
    "Intake/Intake": {"s3"},
    "Sources/SourceSalesApiFetchSource": {"s3"},
    "Sources/SourceSalesBucketFetchSource": {"s3"},
    "Sources/SourceShopOrdersFetchSource": {"s3"},
    "Sources/SourceSalesSftpFetchSource": {"s3"},
    "Processing/RawToProcessed": {"s3", "secretsmanager"},
    "Processing/LoadSmallBatch": {"s3", "secretsmanager"},
    "Processing/EmrLoad": {"s3", "secretsmanager"},
    "Processing/RawCrawlersSalesRecords": {"s3"},
    "Processing/RawCrawlersTiny": {"s3"},
    "People/Session": {"s3"},
    "People/Operator": {"s3", "secretsmanager"},
}
# The operator makes the token of the person who is erased.
MAY_READ_THE_SECRET = {
    *(f"Processing/{role}" for role in ("RawToProcessed", "LoadSmallBatch", "EmrLoad")),
    "People/Operator",
}


def role_of(place: str) -> str:
    """By the place of a policy: the default one of the role, or a managed one named after a part of its work."""
    place = re.sub(r"^People/(Operator|Auditor)[A-Z]\w+$", r"People/\1", place)
    return re.sub(r"(Role)?DefaultPolicy[0-9A-F]{8}$", "", place)


def granted(assembly: Assembly, actions: set[str]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(role, resource, conditions) of every statement that allows one of `actions`."""
    for place, statement in policies(assembly):
        if statement["Effect"] == "Allow" and actions & set(actions_of(statement)):
            for resource in resources_of(statement):
                yield role_of(place), resource, statement.get("Condition", {})


def test_only_these_roles_get_objects_of_landing_and_raw(comprehensive: Assembly) -> None:
    found: dict[str, set[str]] = {}
    for role, resource, _ in granted(comprehensive, READS):
        assert resource not in ("*", "arn:aws:s3:::*"), role
        place = re.sub(r"<.*?(Landing|Raw)[0-9A-F]{8}.*>", r"\1", resource)
        if place.startswith(("Landing/", "Raw/")):
            found.setdefault(role, set()).add(place)
    assert found == MAY_GET


def test_only_these_roles_open_the_key_of_originals_and_through_a_service(
    comprehensive: Assembly,
) -> None:
    found: dict[str, set[str]] = {}
    for role, resource, conditions in granted(comprehensive, {"kms:Decrypt"}):
        assert resource != "*", role
        if "OriginalsKey" in resource:
            services = conditions["StringEquals"]["kms:ViaService"]
            through = services if isinstance(services, list) else [services]
            found[role] = {flat(service).partition(".")[0] for service in through}
    assert found == MAY_OPEN


def test_only_what_loads_reads_the_secret_of_tokens(comprehensive: Assembly) -> None:
    secrets: dict[str, set[str]] = {}
    for role, resource, _ in granted(comprehensive, {"secretsmanager:GetSecretValue"}):
        secrets.setdefault(role, set()).add("tokens" if "PiiKey" in resource else resource)
    assert {role for role, read in secrets.items() if "tokens" in read} == MAY_READ_THE_SECRET
    # Whoever else reads a secret may read that one, and no pattern that would match the first.
    others = {role: read for role, read in secrets.items() if role not in MAY_READ_THE_SECRET}
    assert set(others) == {
        "Warehouse/LoadWarehouse",
        "Sources/SourceSalesApiFetchSource",
        "Sources/SourceSalesSftpFetchSource",
        "Sources/SourceShopOrdersFetchSource",
    }
    assert all("*" not in resource for read in others.values() for resource in read)


def test_the_policy_of_the_key_names_no_service_and_nobody_outside_the_account(
    comprehensive: Assembly,
) -> None:
    [key] = [
        k for place, k in comprehensive.resources("AWS::KMS::Key").items() if "Originals" in place
    ]
    principals = {str(s["Principal"]) for s in key["Properties"]["KeyPolicy"]["Statement"]}
    assert all(":root" in principal and "111122223333" in principal for principal in principals)


def test_the_secret_is_generated_kept_and_under_the_key_of_originals(
    comprehensive: Assembly,
) -> None:
    [secret] = comprehensive.resources("AWS::SecretsManager::Secret").values()
    assert secret["Properties"]["GenerateSecretString"] == {
        "PasswordLength": 64,
        "ExcludePunctuation": True,
    }
    assert secret["Properties"]["KmsKeyId"]["Fn::GetAtt"][0].startswith("OriginalsKey")
    assert (secret["DeletionPolicy"], secret["UpdateReplacePolicy"]) == ("Retain", "Retain")
    assert comprehensive.resources("AWS::SecretsManager::RotationSchedule") == {}


def test_the_first_job_is_told_where_the_secret_is(comprehensive: Assembly) -> None:
    arguments = {
        place.partition("/")[2]: job["Properties"]["DefaultArguments"]
        for place, job in comprehensive.resources("AWS::Glue::Job").items()
    }
    [told] = [name for name, given in arguments.items() if given.get("--pii_secret_arn")]
    assert told.startswith("RawToProcessed")
    assert "PiiKeySecretArn" in comprehensive.templates["Storage"]["Outputs"]


def test_without_personal_data_there_is_no_secret_and_no_leave_to_read_one(tmp_path: Path) -> None:
    sales = sales_records()
    plain = tuple(
        dataclasses.replace(column, pii=None, data_subject=False) for column in sales.columns
    )
    plan = blueprint(contracts=(dataclasses.replace(sales, columns=plain),))
    app = new_app(tmp_path)
    storage = StorageStack(app, blueprint=plan)
    processing = Template.from_stack(ProcessingStack(app, blueprint=plan, storage=storage))
    Template.from_stack(storage).resource_count_is("AWS::SecretsManager::Secret", 0)
    assert "GetSecretValue" not in str(processing.to_json())
    for job in processing.find_resources("AWS::Glue::Job").values():
        assert job["Properties"]["DefaultArguments"].get("--pii_secret_arn", "") == ""
