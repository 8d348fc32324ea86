"""The internal database: asleep for nothing, encrypted, asked by one function, which reads marked tables.

In the local environment it is Aurora, in the comprehensive one an instance that must be started and stopped.
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from lambdas.rest_database import handler, service
from tests.infrastructure.support import ROOT, Assembly, actions_of, flat, resources_of
from tests.infrastructure.test_assets import SHARED, asset_of_function, files_of, sources


def cluster(assembly: Assembly) -> dict[str, Any]:
    return assembly.only("AWS::RDS::DBCluster", "Database")


def instance(assembly: Assembly) -> dict[str, Any]:
    return assembly.only("AWS::RDS::DBInstance", "Database")


def test_aurora_sleeps_at_no_capacity_and_grows_to_what_the_settings_allow(
    local: Assembly,
) -> None:
    assert cluster(local)["ServerlessV2ScalingConfiguration"] == {
        "MinCapacity": 0,
        "MaxCapacity": 2,
        "SecondsUntilAutoPause": 300,
    }
    assert instance(local)["DBInstanceClass"] == "db.serverless"


def test_an_instance_is_as_the_settings_say_and_in_one_zone(comprehensive: Assembly) -> None:
    assert not comprehensive.resources("AWS::RDS::DBCluster")
    found = instance(comprehensive)
    assert (found["DBInstanceClass"], found["AllocatedStorage"]) == ("db.t4g.small", "40")
    assert (found["MultiAZ"], found["BackupRetentionPeriod"]) == (False, 14)
    assert found["EngineVersion"] == "17.7"


@pytest.mark.parametrize("kind", ["cluster", "instance"])
def test_what_it_holds_is_encrypted_and_nobody_has_a_password(
    kind: str, local: Assembly, comprehensive: Assembly
) -> None:
    assembly = {"cluster": local, "instance": comprehensive}[kind]
    found = {"cluster": cluster, "instance": instance}[kind](assembly)
    assert found["StorageEncrypted"] is True
    assert "DataKey" in flat(found["KmsKeyId"])
    assert found["EnableIAMDatabaseAuthentication"] is True
    assert found["MasterUserAuthenticationType"] == "iam-db-auth"
    assert not {"MasterUserPassword", "ManageMasterUserPassword", "MasterUserSecret"} & set(found)
    environment = {"cluster": "local", "instance": "prod"}[kind]
    [kept] = [
        each["Properties"]
        for each in assembly.resources("AWS::Logs::LogGroup", "Database").values()
        if each["Properties"].get("LogGroupName")
        == f"/aws/rds/{kind}/slipway-{environment}/postgresql"
    ]
    assert kept["RetentionInDays"]
    assert "OperationsKey" in flat(kept["KmsKeyId"])


def test_nobody_connects_without_tls_or_from_outside(
    local: Assembly, comprehensive: Assembly
) -> None:
    kinds = ((local, "DBClusterParameterGroup"), (comprehensive, "DBParameterGroup"))
    for assembly, group in kinds:
        assert assembly.only(f"AWS::RDS::{group}")["Parameters"] == {"rds.force_ssl": "1"}
        assert instance(assembly)["PubliclyAccessible"] is False
        assert len(assembly.only("AWS::RDS::DBSubnetGroup")["SubnetIds"]) == 3
    assert cluster(local)["VpcSecurityGroupIds"][0] != ""
    assert instance(comprehensive)["VPCSecurityGroups"][0] != ""


def test_it_is_kept_and_protected_unless_both_keys_are_turned(
    comprehensive: Assembly, local: Assembly
) -> None:
    [kept] = comprehensive.resources("AWS::RDS::DBInstance").values()
    assert (kept["DeletionPolicy"], kept["Properties"]["DeletionProtection"]) == ("Retain", True)
    [gone] = local.resources("AWS::RDS::DBCluster").values()
    assert (gone["DeletionPolicy"], gone["Properties"]["DeletionProtection"]) == ("Delete", False)


def test_what_sleeps_by_itself_has_nothing_that_starts_or_stops_it(
    local: Assembly, comprehensive: Assembly
) -> None:
    def states(assembly: Assembly) -> set[str]:
        machine = assembly.only("AWS::StepFunctions::StateMachine", "Database")
        return set(json.loads(machine["DefinitionString"])["States"])

    assert states(comprehensive) - states(local) == {
        *("Hold", "Resume", "IsItAwake", "WaitForDatabase", "Pause"),
    }
    assert not local.resources("AWS::Events::Rule", "Database")
    assert not local.statements_of_role("Database", "RestDatabaseRole")


def test_what_starts_and_stops_it_may_do_so_to_this_instance_alone(comprehensive: Assembly) -> None:
    allowed = allowed_to(comprehensive, "RestDatabaseRole")
    changes = {(action, place) for action, place in allowed if action.startswith("rds:")}
    assert {action for action, _ in changes} == {
        *("rds:DescribeDBInstances", "rds:StartDBInstance", "rds:StopDBInstance"),
    }
    assert {place.rpartition(":db:")[2] for _, place in changes} == {"slipway-prod"}
    assert {action for action, _ in allowed - changes} == {
        *("dynamodb:GetItem", "dynamodb:PutItem", "sqs:SendMessage"),
    }


def test_a_stop_never_comes_after_its_closing_and_a_hold_outlives_whoever_holds(
    comprehensive: Assembly,
) -> None:
    functions = comprehensive.resources("AWS::Lambda::Function", "Database").values()
    seconds = {
        each["Properties"]["Handler"].split(".")[1]: each["Properties"]["Timeout"]
        for each in functions
    }
    machine = json.loads((ROOT / "state_machines" / "write_back.asl.json").read_text())
    assert seconds["rest_database"] + 60 < service.CLOSING_SECONDS  # clocks may differ by a minute
    assert seconds["rest_database"] < machine["States"]["Resume"]["TimeoutSeconds"]
    assert machine["TimeoutSeconds"] + seconds["write_back"] < service.LEASE_SECONDS
    assert machine["TimeoutSeconds"] > service.WAKE_SECONDS + 900


def test_a_sweep_that_fails_and_a_database_that_stays_awake_are_told(
    comprehensive: Assembly, local: Assembly
) -> None:
    def alarms(assembly: Assembly) -> dict[str, dict[str, Any]]:
        found = assembly.resources("AWS::CloudWatch::Alarm", "Monitoring")
        return {name.partition("/")[2][:-8]: each["Properties"] for name, each in found.items()}

    told = alarms(comprehensive)
    for name in ("DatabaseAwake", "FailedSweeps"):
        assert (told[name]["Period"], told[name]["EvaluationPeriods"]) == (1800, 2)
    assert "RestDatabaseDeadLetters" in told
    assert {"DatabaseAwake", "FailedSweeps", "RestDatabaseDeadLetters"} & set(
        alarms(local)
    ) == set()
    [counted] = [
        each["Properties"]["FilterPattern"]
        for name, each in comprehensive.resources("AWS::Logs::MetricFilter", "Monitoring").items()
        if "DatabaseAwake" in name
    ]
    assert handler.AWAKE_FOR_NOBODY in counted


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
    writer, master = "slipway_writer", instance(comprehensive)["MasterUsername"]
    users = {
        role: connects(comprehensive, role) for role in ("WriteBackRole", "PrepareDatabaseRole")
    }
    for role, user in (("WriteBackRole", writer), ("PrepareDatabaseRole", master)):
        [place] = users[role]
        assert place.endswith(f":dbuser:<Server.DbiResourceId>/{user}"), place
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
    made = comprehensive.resources("AWS::Lambda::Function", "Database").values()
    by_name = {each["Properties"]["Handler"].split(".")[1]: each["Properties"] for each in made}
    function, preparing = by_name["write_back"], by_name["prepare_database"]
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
