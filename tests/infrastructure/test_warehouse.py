"""The warehouse: private, limited, audited, and able to read the curated zone only."""

from __future__ import annotations

import json

from tests.infrastructure.support import Assembly, actions_of, flat, resources_of


def test_the_namespace_keeps_its_password_and_data_under_keys_of_ours(comprehensive: Assembly) -> None:
    namespace = comprehensive.only("AWS::RedshiftServerless::Namespace")
    assert namespace["ManageAdminPassword"] is True
    assert "AdminUserPassword" not in namespace
    for key in ("KmsKeyId", "AdminPasswordSecretKmsKeyId"):
        assert "DataKey" in flat(namespace[key])
    assert flat(namespace["DefaultIamRoleArn"]).startswith("<ReaderRole")
    [resource] = comprehensive.resources("AWS::RedshiftServerless::Namespace").values()
    assert resource["DeletionPolicy"] == "Retain"


def test_audit_logs_are_exported_to_groups_that_end(comprehensive: Assembly) -> None:
    namespace = comprehensive.only("AWS::RedshiftServerless::Namespace")
    groups = {
        group["Properties"].get("LogGroupName"): group["Properties"]["RetentionInDays"]
        for group in comprehensive.resources("AWS::Logs::LogGroup", "Warehouse").values()
    }
    for kind in namespace["LogExports"]:
        assert groups[f"/aws/redshift/slipway-prod/{kind}"] == 365
    assert set(namespace["LogExports"]) == {"userlog", "connectionlog", "useractivitylog"}


def test_the_workgroup_is_private_and_as_large_as_the_settings_say(comprehensive: Assembly) -> None:
    workgroup = comprehensive.only("AWS::RedshiftServerless::Workgroup")
    assert workgroup["PubliclyAccessible"] is False
    assert workgroup["EnhancedVpcRouting"] is True
    assert (workgroup["BaseCapacity"], workgroup["MaxCapacity"]) == (8, 64)
    assert len(workgroup["SubnetIds"]) == 3
    parameters = {item["ParameterKey"]: item["ParameterValue"] for item in workgroup["ConfigParameters"]}
    assert parameters["require_ssl"] == "true"
    assert workgroup["NamespaceName"] == comprehensive.only("AWS::RedshiftServerless::Namespace")["NamespaceName"]


def test_queries_end_when_the_month_is_used_up(comprehensive: Assembly) -> None:
    [limit] = comprehensive.resources("Custom::RedshiftUsageLimit").values()
    create = json.loads(flat(limit["Properties"]["Create"]))
    assert create["service"] == "redshift-serverless"
    assert create["action"] == "CreateUsageLimit"
    assert create["parameters"].pop("resourceArn").startswith("<Workgroup.")
    assert create["parameters"] == {
        "usageType": "serverless-compute",
        "period": "monthly",
        "amount": 300,
        "breachAction": "deactivate",
    }
    update = json.loads(flat(limit["Properties"]["Update"]))
    assert update["parameters"]["amount"] == 300


def test_it_reads_the_curated_zone_and_nothing_else(comprehensive: Assembly) -> None:
    statements = comprehensive.statements_of_role("Warehouse", "ReaderRole")
    assert {action for s in statements for action in actions_of(s)} == {
        *("s3:GetObject", "s3:ListBucket", "kms:Decrypt", "glue:GetDatabase", "glue:GetDatabases", "glue:GetTable"),
        *("glue:GetTables", "glue:GetPartition", "glue:GetPartitions", "glue:BatchGetPartition"),
    }
    buckets = [r for s in statements for r in resources_of(s) if "s3:GetObject" in actions_of(s)]
    assert [bucket.rpartition(">")[2] for bucket in buckets] == ["/tables/*"]
    assert all("Curated" in bucket for bucket in buckets)
    tables = {r.rpartition("/")[0] for s in statements for r in resources_of(s) if ":table/" in r}
    assert {table.rpartition("/")[2] for table in tables} == {"slipway_prod_curated"}


def test_the_role_is_lent_to_users_of_this_workgroup_only(comprehensive: Assembly) -> None:
    [role] = [r for p, r in comprehensive.resources("AWS::IAM::Role", "Warehouse").items() if "ReaderRole" in p]
    [trust] = role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert set(trust["Principal"]["Service"]) == {"redshift.amazonaws.com", "redshift-serverless.amazonaws.com"}
    [users] = trust["Condition"]["StringLike"].values()
    assert users == "arn:aws:redshift:eu-central-1:111122223333:dbuser:slipway-prod/*"
