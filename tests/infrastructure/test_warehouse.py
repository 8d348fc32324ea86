"""The warehouse: private, limited, audited, and able to read the curated zone only."""

from __future__ import annotations

import json
from typing import Any

from stacks.constructs.python_function import code_of
from stacks.warehouse import MOST_LOOKS, STATEMENT_SECONDS
from tests.infrastructure.support import ROOT, Assembly, actions_of, flat, policies, resources_of


def test_the_namespace_keeps_its_password_and_data_under_keys_of_ours(
    comprehensive: Assembly,
) -> None:
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
    parameters = {
        item["ParameterKey"]: item["ParameterValue"] for item in workgroup["ConfigParameters"]
    }
    assert parameters["require_ssl"] == "true"
    assert (
        workgroup["NamespaceName"]
        == comprehensive.only("AWS::RedshiftServerless::Namespace")["NamespaceName"]
    )


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
        *(
            "s3:GetObject",
            "s3:ListBucket",
            "kms:Decrypt",
            "glue:GetDatabase",
            "glue:GetDatabases",
            "glue:GetTable",
        ),
        *("glue:GetTables", "glue:GetPartition", "glue:GetPartitions", "glue:BatchGetPartition"),
    }
    buckets = [r for s in statements for r in resources_of(s) if "s3:GetObject" in actions_of(s)]
    assert [bucket.rpartition(">")[2] for bucket in buckets] == ["/tables/*"]
    assert all("Curated" in bucket for bucket in buckets)
    tables = {r.rpartition("/")[0] for s in statements for r in resources_of(s) if ":table/" in r}
    assert {table.rpartition("/")[2] for table in tables} == {"slipway_prod_curated"}


def test_the_role_is_lent_to_users_of_redshift_serverless_in_this_account_only(
    comprehensive: Assembly,
) -> None:
    [role] = [
        r
        for p, r in comprehensive.resources("AWS::IAM::Role", "Warehouse").items()
        if "ReaderRole" in p
    ]
    [trust] = role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert set(trust["Principal"]["Service"]) == {
        "redshift.amazonaws.com",
        "redshift-serverless.amazonaws.com",
    }
    [users] = trust["Condition"]["StringLike"].values()
    assert users == "arn:aws:redshift:eu-central-1:111122223333:dbuser:serverless-111122223333-*/*"


def load_machine(assembly: Assembly) -> dict[str, Any]:
    return assembly.only("AWS::StepFunctions::StateMachine", "Warehouse")


def secret(assembly: Assembly) -> str:
    """The ARN of the admin's secret, as templates refer to it."""
    [place] = assembly.resources("Custom::RedshiftAdminSecret")
    return f"<{place.partition('/')[2]}.namespace.adminPasswordSecretArn>"


def test_a_run_and_care_are_served_by_the_load_of_the_warehouse(comprehensive: Assembly) -> None:
    machines = comprehensive.resources("AWS::StepFunctions::StateMachine", "Orchestration")
    listed = {
        flat(r["Properties"]["DefinitionSubstitutions"]["ServingMachineArns"]).split(",")[0]
        for place, r in machines.items()
        if "Dataset" in place
    }
    assert len(listed) == 1
    assert "WarehouseLoad" in listed.pop()
    for name in ("DatasetRunRole", "DatasetCareRole"):
        statements = comprehensive.statements_of_role("Orchestration", name)
        starting = [s for s in statements if "states:StartExecution" in actions_of(s)]
        assert any(
            "WarehouseLoad" in machine
            for statement in starting
            for machine in resources_of(statement)
        )


def test_two_statements_end_before_the_load_and_the_load_before_its_run_gives_it_up(
    comprehensive: Assembly,
) -> None:
    machine = load_machine(comprehensive)
    definition, given = json.loads(machine["DefinitionString"]), machine["DefinitionSubstitutions"]
    assert (given["LookSeconds"], given["MostLooks"]) == ("10", "240")
    assert int(given["LookSeconds"]) * int(given["MostLooks"]) <= STATEMENT_SECONDS
    assert definition["TimeoutSeconds"] > 2 * STATEMENT_SECONDS
    run = json.loads((ROOT / "state_machines" / "dataset_run.asl.json").read_text(encoding="utf-8"))
    [served] = run["States"]["Serve"]["ItemProcessor"]["States"].values()
    assert definition["TimeoutSeconds"] < served["TimeoutSeconds"]
    assert 2 * 11 * MOST_LOOKS < 25_000  # events in the history of an execution


def test_the_loader_submits_in_this_workgroup_and_reads_only_its_own_statements(
    comprehensive: Assembly,
) -> None:
    statements = comprehensive.statements_of_role("Warehouse", "LoadWarehouseRole")
    by_action = {action: s for s in statements for action in actions_of(s)}
    assert set(by_action) == {
        *(
            "logs:CreateLogStream",
            "logs:PutLogEvents",
            "s3:GetObject",
            "s3:ListBucket",
            "kms:Decrypt",
        ),
        *(
            "redshift-data:BatchExecuteStatement",
            "redshift-data:DescribeStatement",
            "redshift-data:GetStatementResult",
        ),
        *("redshift-data:CancelStatement", "secretsmanager:GetSecretValue"),
    }
    submitting = by_action["redshift-data:BatchExecuteStatement"]
    assert resources_of(submitting) == ["<Workgroup.Workgroup.WorkgroupArn>"]
    for action in ("DescribeStatement", "GetStatementResult", "CancelStatement"):
        owner = {"StringEquals": {"redshift-data:statement-owner-iam-userid": "${aws:userid}"}}
        assert by_action[f"redshift-data:{action}"]["Condition"] == owner
    assert resources_of(by_action["secretsmanager:GetSecretValue"]) == [secret(comprehensive)]
    [read] = resources_of(by_action["s3:GetObject"])
    assert "Processed" in read
    assert read.endswith("/runs/*")


def test_the_secret_is_looked_up_since_cloudformation_does_not_tell_it(
    comprehensive: Assembly,
) -> None:
    [found] = comprehensive.resources("Custom::RedshiftAdminSecret").values()
    for moment in ("Create", "Update"):
        call = json.loads(flat(found["Properties"][moment]))
        assert (call["service"], call["action"]) == ("redshift-serverless", "GetNamespace")
        assert call["parameters"] == {"namespaceName": "<Namespace>"}
        assert call["outputPaths"] == ["namespace.adminPasswordSecretArn"]
    resources = comprehensive.templates["Warehouse"]["Resources"].values()
    users = {
        str(r["Properties"]["ServiceToken"]) for r in resources if "ServiceToken" in r["Properties"]
    }
    assert len(users) == 1  # one function, so one role, for both custom resources
    statements = comprehensive.statements_of_role("Warehouse", "CallsRole")
    [looked_up] = [
        resources_of(s) for s in statements if "redshift-serverless:GetNamespace" in actions_of(s)
    ]
    assert looked_up == ["<Namespace.Namespace.NamespaceArn>"]


def test_nobody_else_may_read_the_secret_of_the_warehouse(comprehensive: Assembly) -> None:
    readers = [
        place
        for place, statement in policies(comprehensive)
        if secret(comprehensive) in resources_of(statement)
    ]
    assert len(readers) == 1
    assert readers[0].startswith("Warehouse/LoadWarehouseRole")


def test_the_loader_ships_its_code_the_shared_domain_and_the_statements_of_a_load(
    comprehensive: Assembly,
) -> None:
    [function] = [
        r["Properties"]
        for r in comprehensive.resources("AWS::Lambda::Function", "Warehouse").values()
        if r["Properties"]["Handler"] == "lambdas.load_warehouse.handler.handle"
    ]
    folder = comprehensive.folder / ("asset." + function["Code"]["S3Key"].removesuffix(".zip"))
    shipped = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    shared = (
        "contracts/*.py",
        "contracts/warehouse/*.py",
        "contracts/compiled/*.json",
        "pipeline/**/*.py",
        "lambdas/__init__.py",
    )
    own = (
        "lambdas/load_warehouse/*.py",
        "sql/redshift/load/*.sql",
        "contracts/compiled/marts/*.json",
    )
    wanted = {
        str(path.relative_to(ROOT)) for pattern in (*shared, *own) for path in ROOT.glob(pattern)
    }
    assert any(name.startswith("sql/redshift/load/") for name in wanted)
    assert shipped == wanted
    assert function["Timeout"] < 150  # TimeoutSeconds of its tasks in warehouse_load.asl.json


def test_folders_are_named_before_the_files_that_are_taken_in() -> None:
    assert code_of("x", ("a/b/*.sql",))[-3:] == ["!a", "!a/b", "!a/b/*.sql"]
