"""What each tool finds in one assembly. A tool that fails, or reads nothing, is an error and never zero findings."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cfnlint.api import ManualArgs, lint
from cfnlint.core import get_rules

from tests.infrastructure.account import Account
from tests.infrastructure.support import Assembly

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
TOOLS = ROOT / ".slipway" / "linters"
REGIONS = ["us-east-1", "eu-central-1"]
OWN_WARNINGS = "Construct Annotations"  # of stacks/readiness.py, in the report of a synthesis: what settings leave open
# As cdk-nag names them in its report.
PACKS = ("AwsSolutions", "NIST.800.53.R5", "HIPAA.Security", "PCI.DSS.321", "Serverless")


@dataclass(frozen=True, order=True)
class Finding:
    """One thing that one tool remarks on; `place` is `<stack>/<what it names there>`."""

    tool: str
    rule: str
    place: str


class LinterFailed(Exception):
    """A tool did not do its work."""


def of_cfn_lint(assembly: Assembly, _work: Path) -> Iterator[Finding]:
    """Warnings, errors and what is only informative."""
    rules = get_rules([], [], ["W", "E", "I"])
    for file in assembly.folder.glob("*.template.json"):
        for match in lint(file.read_text("utf-8"), rules, REGIONS, ManualArgs()):
            path = [str(each) for each in match.path or ()]
            place = path[1] if path[:1] == ["Resources"] else "/".join(path)
            yield Finding("cfn-lint", match.rule.id, f"{_stack(file.name)}/{place}")


def of_checkov(assembly: Assembly, _work: Path) -> Iterator[Finding]:
    """Its checks of CloudFormation; it exits with 1 when it finds something."""
    command = [str(TOOLS / "checkov" / "bin" / "checkov"), "-d", str(assembly.folder)]
    command += ["--framework", "cloudformation", "--skip-download", "--compact", "--quiet"]
    report = json.loads(_output([*command, "-o", "json"], accepted=(0, 1)))
    if report["summary"]["parsing_errors"] or not report["summary"]["resource_count"]:
        raise LinterFailed(f"checkov could not read the templates: {report['summary']}")
    for check in report["results"]["failed_checks"]:
        resource = check["resource"].rpartition(".")[2]
        place = f"{_stack(check['file_path'].lstrip('/'))}/{resource}"
        yield Finding("checkov", check["check_id"], place)


def of_cdk_nag(assembly: Assembly, _work: Path) -> Iterator[Finding]:
    """The packs that synthesis ran."""
    report = json.loads((assembly.folder / "validation-report.json").read_text("utf-8"))
    for plugin in report["pluginReports"]:
        pack = plugin["pluginName"]
        if pack == OWN_WARNINGS:
            continue
        if pack not in PACKS:
            raise LinterFailed(f"cdk-nag reports of {pack!r}, which is not one of {PACKS}")
        for violation in plugin["violations"]:
            rule = violation["ruleName"].removeprefix(f"{pack}-")
            for construct in violation["violatingConstructs"]:
                stack, _, path = construct["constructPath"].partition("/")
                yield Finding(f"cdk-nag {pack}", rule, f"{stack.rpartition('-')[2]}/{path}")


def of_policy_linters(assembly: Assembly, work: Path) -> Iterator[Finding]:
    """Parliament and cloudsplaining over the policies of all roles, with references resolved."""
    account = Account.of(assembly)
    places = {role.arn: role.place for role in account.of_type("AWS::IAM::Role")}
    asked = work / "policies.json"
    asked.write_text(
        json.dumps(
            [
                {"role": places[role], "document": {"Version": "2012-10-17", **document}}
                for role, documents in account.identity_policies.items()
                for document in documents
            ]
        ),
        encoding="utf-8",
    )
    script = [str(TOOLS / "policies" / "bin" / "python"), str(HERE / "in_policies.py")]
    for line in _output([*script, str(asked)]).splitlines():
        yield Finding(**json.loads(line))


def of_asl_validator(assembly: Assembly, work: Path) -> Iterator[Finding]:
    """Every state machine as it is deployed."""
    machines = Account.of(assembly).of_type("AWS::StepFunctions::StateMachine")
    if not machines:
        raise LinterFailed("no state machine in these templates")
    asked = work / "machines.json"
    asked.write_text(
        json.dumps({one.place: one.properties["DefinitionString"] for one in machines}),
        encoding="utf-8",
    )
    script = ["node", str(HERE / "in_machines.cjs"), str(TOOLS / "node_modules"), str(asked)]
    for line in _output(script).splitlines():
        yield Finding(**json.loads(line))


ALL: tuple[Callable[[Assembly, Path], Iterator[Finding]], ...] = (
    *(of_cfn_lint, of_checkov, of_cdk_nag, of_policy_linters),
    of_asl_validator,
)
# In the order of the table.
NAMES = (
    *("cfn-lint", "checkov"),
    *(f"cdk-nag {pack}" for pack in PACKS),
    *("parliament", "cloudsplaining", "asl-validator"),
)


def _stack(file_name: str) -> str:
    return re.sub(r"\.template\.json$", "", file_name).rpartition("-")[2]


def _output(command: list[str], *, accepted: tuple[int, ...] = (0,)) -> str:
    done: subprocess.CompletedProcess[str] = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=ROOT
    )
    if done.returncode not in accepted:
        told: Any = (done.stderr or done.stdout)[-2000:]
        raise LinterFailed(f"{' '.join(command)} ended with {done.returncode}:\n{told}")
    return done.stdout
