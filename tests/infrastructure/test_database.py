"""The internal database: asleep for nothing, encrypted, asked by one function, which reads marked tables."""

from __future__ import annotations

import re
from typing import Any

from tests.infrastructure.support import ROOT, Assembly, actions_of, flat, resources_of
from tests.infrastructure.test_assets import SHARED, asset_of_function, files_of, sources


def cluster(assembly: Assembly) -> dict[str, Any]:
    return assembly.only("AWS::RDS::DBCluster", "Database")


def test_it_sleeps_at_no_capacity_and_grows_to_what_the_settings_allow(
    comprehensive: Assembly,
) -> None:
    assert cluster(comprehensive)["ServerlessV2ScalingConfiguration"] == {
        "MinCapacity": 0,
        "MaxCapacity": 4.5,
        "SecondsUntilAutoPause": 600,
    }
    assert comprehensive.only("AWS::RDS::DBInstance")["DBInstanceClass"] == "db.serverless"


def test_what_it_holds_is_encrypted_and_nobody_has_a_password(comprehensive: Assembly) -> None:
    found = cluster(comprehensive)
    assert found["StorageEncrypted"] is True
    assert "DataKey" in flat(found["KmsKeyId"])
    assert found["EnableIAMDatabaseAuthentication"] is True
    assert found["MasterUserAuthenticationType"] == "iam-db-auth"
    assert not {"MasterUserPassword", "ManageMasterUserPassword", "MasterUserSecret"} & set(found)
    [log] = comprehensive.resources("AWS::Logs::LogGroup", "Database").keys() & {
        place
        for place, each in comprehensive.resources("AWS::Logs::LogGroup", "Database").items()
        if each["Properties"].get("LogGroupName") == "/aws/rds/cluster/slipway-prod/postgresql"
    }
    kept = comprehensive.resources("AWS::Logs::LogGroup", "Database")[log]["Properties"]
    assert kept["RetentionInDays"] == 365
    assert "OperationsKey" in flat(kept["KmsKeyId"])


def test_nobody_connects_without_tls_or_from_outside(
    comprehensive: Assembly,
) -> None:
    parameters = comprehensive.only("AWS::RDS::DBClusterParameterGroup")["Parameters"]
    assert parameters == {"rds.force_ssl": "1"}
    assert comprehensive.only("AWS::RDS::DBInstance")["PubliclyAccessible"] is False
    assert len(comprehensive.only("AWS::RDS::DBSubnetGroup")["SubnetIds"]) == 3
    assert cluster(comprehensive)["VpcSecurityGroupIds"][0] != ""


def test_it_is_kept_and_protected_unless_both_keys_are_turned(
    comprehensive: Assembly, local: Assembly
) -> None:
    [kept] = comprehensive.resources("AWS::RDS::DBCluster").values()
    assert (kept["DeletionPolicy"], kept["Properties"]["DeletionProtection"]) == ("Retain", True)
    [gone] = local.resources("AWS::RDS::DBCluster").values()
    assert (gone["DeletionPolicy"], gone["Properties"]["DeletionProtection"]) == ("Delete", False)


def allowed_to(assembly: Assembly, role: str) -> set[tuple[str, str]]:
    """Actions and resources of a role of the stack, without those of its log, its keys and its network."""
    return {
        (action, re.sub(r"<[^>]*>", "", resource))
        for statement in assembly.statements_of_role("Database", role)
        for action in actions_of(statement)
        for resource in resources_of(statement)
        if not action.startswith(("ec2:", "logs:", "kms:"))
    }


def connects(assembly: Assembly, role: str) -> list[str]:
    """Users of the database as whom a role may come in."""
    return [
        resource
        for statement in assembly.statements_of_role("Database", role)
        if "rds-db:connect" in actions_of(statement)
        for resource in resources_of(statement)
    ]


def test_the_function_reads_marked_tables_and_writes_nothing_to_the_lake(
    comprehensive: Assembly,
) -> None:
    allowed = allowed_to(comprehensive, "WriteBackRole")
    assert {action for action, _ in allowed} == {"s3:GetObject", "glue:GetTable", "rds-db:connect"}
    files = {resource for action, resource in allowed if action == "s3:GetObject"}
    assert {resource.rpartition("tables/")[2] for resource in files} == {
        "sales_records/*",
        "tiny/*",
    }


def test_each_function_comes_in_as_one_user_and_only_one_as_the_master(
    comprehensive: Assembly,
) -> None:
    writer, master = "slipway_writer", cluster(comprehensive)["MasterUsername"]
    users = {
        role: connects(comprehensive, role) for role in ("WriteBackRole", "PrepareDatabaseRole")
    }
    for role, user in (("WriteBackRole", writer), ("PrepareDatabaseRole", master)):
        [place] = users[role]
        assert place.endswith(f":dbuser:<Cluster.DBClusterResourceId>/{user}"), place
    assert {action for action, _ in allowed_to(comprehensive, "PrepareDatabaseRole")} == {
        "rds-db:connect"
    }
    named = (ROOT / "duckdb_jobs" / "write_back" / "users.py").read_text(encoding="utf-8")
    assert f'WRITER = "{writer}"' in named
    assert f'MASTER = "{master}"' in named


def test_the_function_ships_its_engine_the_client_and_the_authorities_of_rds(
    comprehensive: Assembly,
) -> None:
    own = ("lambdas/__init__.py", "lambdas/write_back/*.py", "duckdb_jobs/write_back/*.pem")
    assert files_of(asset_of_function(comprehensive, "write_back")) == sources(
        *SHARED, "rows/**/*.py", "duckdb_jobs/**/*.py", *own
    )
    [function, preparing] = sorted(
        (
            each["Properties"]
            for each in comprehensive.resources("AWS::Lambda::Function", "Database").values()
        ),
        key=lambda each: str(each["Handler"]),
        reverse=True,
    )
    assert [re.sub("[0-9A-F]{8}$", "", each["Ref"]) for each in preparing["Layers"]] == [
        "PostgresLayer"
    ]
    assert "duckdb_jobs/write_back/users.py" in files_of(
        asset_of_function(comprehensive, "prepare_database")
    )
    assert [re.sub("[0-9A-F]{8}$", "", each["Ref"]) for each in function["Layers"]] == [
        "DuckDbLayer",
        "PostgresLayer",
    ]
    assert len(function["VpcConfig"]["SubnetIds"]) == 3
    assert function["Timeout"] < 900  # TimeoutSeconds of WriteBack in write_back.asl.json
    given = set(function["Environment"]["Variables"])
    settings = (ROOT / "lambdas" / "write_back" / "settings.py").read_text(encoding="utf-8")
    # Places of the other functions of the engine come along; what it reads is among them.
    assert {field.upper() for field in re.findall(r"^    (\w+): ", settings, re.M)} <= given


def test_the_machine_knows_the_marked_datasets(comprehensive: Assembly) -> None:
    machine = comprehensive.only("AWS::StepFunctions::StateMachine", "Database")
    assert machine["DefinitionSubstitutions"]["WriteBackDatasets"] == "sales_records,tiny"
    [run] = [
        each["Properties"]
        for place, each in comprehensive.resources("AWS::StepFunctions::StateMachine").items()
        if place.startswith("Orchestration/DatasetRun")
    ]
    assert "WriteBack" in str(run["DefinitionSubstitutions"]["ServingMachineArns"])
