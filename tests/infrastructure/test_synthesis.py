"""What leaves `cdk synth`: the same every time, checked by cdk-nag and cfn-lint, refused when a contract is wrong."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import aws_cdk as cdk
import pytest
from aws_cdk import aws_s3 as s3
from cfnlint.api import ManualArgs, lint
from cfnlint.core import get_rules

import app as entry_point
from contracts.errors import ContractInvalid
from slipway.acting import diagnosis
from slipway.deployment import OPTIONAL_STACKS, STACKS
from stacks.application import current_contracts
from tests.infrastructure.support import CONTEXT, ROOT, Assembly, new_app

# CDK always writes the dependency of a function on its role, although the reference implies it.
ALLOWED_LINT = ["W3005"]


@pytest.fixture(params=["prod", "local", "comprehensive"])
def assembly(request: pytest.FixtureRequest) -> Assembly:
    return request.getfixturevalue(request.param)


def test_two_synths_are_identical_to_the_byte(prod: Assembly, tmp_path: Path) -> None:
    """The second one in a process of its own, with another order of sets, as `cdk synth` would start it.

    Without the question where production goes, which shipped settings leave open.
    """
    context = json.dumps({**CONTEXT, "environment": "prod"})
    subprocess.run(
        [sys.executable, "-c", "import app, aws_cdk; app.build(aws_cdk.App()).synth()"],
        cwd=ROOT,
        env={
            **os.environ,
            "CDK_OUTDIR": str(tmp_path),
            "CDK_CONTEXT_JSON": context,
            "PYTHONHASHSEED": "1",
        },
        check=True,
        capture_output=True,
    )
    names = deployed_files(prod.folder)
    assert deployed_files(tmp_path) == names
    assert [
        name
        for name in names
        if (prod.folder / name).read_bytes() != (tmp_path / name).read_bytes()
    ] == []


def deployed_files(folder: Path) -> list[Path]:
    """All but the metadata for the CDK's command line: its traces name the temporary folder of the JSII kernel."""
    files = (
        path
        for path in folder.rglob("*")
        if path.is_file() and not path.name.endswith(".metadata.json")
    )
    return sorted(path.relative_to(folder) for path in files)


def test_templates_know_nothing_of_the_machine_that_made_them(assembly: Assembly) -> None:
    for file in assembly.folder.glob("*.template.json"):
        assert str(ROOT) not in file.read_text(encoding="utf-8")


def test_nothing_has_to_be_looked_up_in_an_account(assembly: Assembly) -> None:
    assert "missing" not in json.loads(
        (assembly.folder / "manifest.json").read_text(encoding="utf-8")
    )


def test_cfn_lint_is_clean(assembly: Assembly) -> None:
    regions = ["us-east-1", "eu-central-1"]
    rules = get_rules([], ALLOWED_LINT, ["W", "E"])
    matches = [
        f"{file.name}: {match}"
        for file in assembly.folder.glob("*.template.json")
        for match in lint(
            file.read_text(encoding="utf-8"), rules, regions, ManualArgs(ignore_checks=ALLOWED_LINT)
        )
    ]
    assert matches == []


def test_a_finding_of_cdk_nag_fails_the_synth(tmp_path: Path) -> None:
    app = entry_point.build(new_app(tmp_path, environment="dev"))
    s3.Bucket(cdk.Stack(app, "Careless"), "OpenBucket")
    with pytest.raises(
        RuntimeError, match=r"(?s)Careless/OpenBucket.*AwsSolutions-S10"
    ):  # requests without TLS
        app.synth()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A copy of what decides whether synthesis may begin."""
    for folder in ("datasets", "contracts/compiled", "config"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    return tmp_path


def refusal_of(repository: Path, tmp_path: Path) -> str:
    with pytest.raises(ContractInvalid) as refusal:
        entry_point.build(
            new_app(tmp_path / "out", environment="dev"),
            root=repository,
            config=repository / "config",
        )
    return str(refusal.value)


def test_a_stale_contract_refuses_synthesis(repository: Path, tmp_path: Path) -> None:
    compiled = repository / "contracts" / "compiled" / "sales_records.json"
    content = json.loads(compiled.read_text(encoding="utf-8"))
    content["freshness_hours"] += 1
    compiled.write_text(json.dumps(content), encoding="utf-8")
    message = refusal_of(repository, tmp_path)
    assert "sales_records.json" in message
    assert "make contracts" in message


def test_an_invalid_contract_refuses_synthesis(repository: Path, tmp_path: Path) -> None:
    contract = repository / "datasets" / "sales_records" / "contract.yaml"
    text = contract.read_text(encoding="utf-8")
    assert "order_date" in text
    contract.write_text(text.replace("logicalType: date", "logicalType: dat", 1), encoding="utf-8")
    message = refusal_of(repository, tmp_path)
    assert "contract.yaml" in message
    assert "'dat'" in message


def test_the_stacks_are_the_ones_that_the_documentation_lists(prod: Assembly) -> None:
    assert {
        name: sorted(template.get("Outputs", {})) for name, template in documented(prod).items()
    } == {
        "Storage": [
            *("CuratedBucketName", "FileLedgerName", "LandingBucketName"),
            *(
                ["PiiKeySecretArn"]
                if any(c.protected_columns for c in current_contracts(ROOT))
                else []
            ),
            *("ProcessedBucketName", "RawBucketName", "ResultsBucketName", "RunLedgerName"),
        ],
        "Intake": ["IntakeDeadLetterQueueUrl", "IntakeQueueUrl"],
        "Processing": [
            *("CareJobName", "ProcessedToCuratedJobName", "RawToProcessedJobName"),
            *("SalesRecordsCrawlerName", "SuperstoreCrawlerName"),
        ],
        "Orchestration": [
            *("CareStateMachineArn", "FailRunDeadLetterQueueUrl", "FailRunFunctionName"),
            *("ReleaseDatasetDeadLetterQueueUrl", "ReleaseDatasetFunctionName"),
            *("ScheduleDeadLetterQueueUrl", "StateMachineArn"),
        ],
        "Analytics": ["WorkgroupName"],
        "Alerts": [
            *(
                "AlarmsTopicArn",
                "AnnounceStateMachineArn",
                "FileArrivedTopicArn",
                "FileRejectedTopicArn",
                "RunFailedTopicArn",
                "RunStageTopicArn",
            ),
            "RunSucceededTopicArn",
        ],
        "Marts": ["MartStateMachineArn", "MartsDeadLetterQueueUrl", "RunMartFunctionName"],
        "Monitoring": [
            *(
                "FailedJobsDeadLetterQueueUrl",
                "MeasureFreshnessDeadLetterQueueUrl",
                "MeasureFreshnessFunctionName",
            ),
        ],
    }


def test_the_command_line_reads_every_stack_whose_outputs_it_needs(local: Assembly) -> None:
    read = {
        key
        for stack, template in local.templates.items()
        if stack in (*STACKS, *OPTIONAL_STACKS)
        for key in template.get("Outputs", {})
    }
    assert {*diagnosis.NEEDED_OUTPUTS, *diagnosis.TOPICS} - read == set()


def test_optional_features_bring_their_own_stacks(comprehensive: Assembly) -> None:
    outputs = {
        name: sorted(template["Outputs"]) for name, template in documented(comprehensive).items()
    }
    assert outputs["Intake"] == ["IntakeDeadLetterQueueUrl", "IntakeQueueUrl", "TransferServerId"]
    assert outputs["Network"] == outputs["QuickSight"] == []
    assert outputs["People"] == [
        *("AnalystAnalystsRoleArn", "AnalystFinanceRoleArn", "AuditorRoleArn", "NotebookRoleArn"),
        *("OperatorRoleArn", "PartnerManagerRoleArn", "SessionRoleArn"),
    ]
    assert outputs["Warehouse"] == [
        *("WarehouseDatabaseName", "WarehouseLoadStateMachineArn", "WarehouseReaderRoleArn"),
        "WarehouseWorkgroupName",
    ]
    assert outputs["Database"] == [
        *("DatabaseHost", "DatabaseMasterUser", "DatabaseName", "DatabasePort"),
        *("DatabaseSecurityGroupId", "RestDatabaseDeadLetterQueueUrl", "RestDatabaseFunctionName"),
        "WriteBackStateMachineArn",
    ]


def documented(assembly: Assembly) -> dict[str, dict[str, list[str]]]:
    """Templates with only those outputs that the stacks publish themselves, without CDK's cross-stack ones."""
    return {
        name: {
            "Outputs": [
                key
                for key in template.get("Outputs", {})
                if not key.startswith(("Publish", "ExportsOutput"))
            ]
        }
        for name, template in assembly.templates.items()
    }
