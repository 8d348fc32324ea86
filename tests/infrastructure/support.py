"""What the tests of templates share: one synthesis per set of inputs, and ways to find things in the result."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aws_cdk as cdk
from cdk_nag import AwsSolutionsChecks

import app as entry_point
from contracts.model import Contract
from stacks.application import compose, current_contracts, current_marts, current_sources
from stacks.base import Blueprint
from stacks.settings import load

ROOT = Path(__file__).resolve().parents[2]
COMPREHENSIVE = Path(__file__).parent / "comprehensive"
# These come with a feature, an instance of RDS, a source, or models that are trained; prod has none of them.
OPTIONAL = (
    *("fetch_source", "load_warehouse", "prepare_database", "rest_database", "train_forecast"),
    "write_back",
)
FUNCTIONS = sorted(
    file.parent.name
    for file in (ROOT / "lambdas").glob("*/handler.py")
    if file.parent.name not in OPTIONAL
)
CONTEXT = json.loads((ROOT / "cdk.json").read_text(encoding="utf-8"))["context"]

Resource = dict[str, Any]


@dataclass(frozen=True)
class Assembly:
    """Templates and assets of one synthesis."""

    folder: Path

    @property
    def templates(self) -> dict[str, dict[str, Any]]:
        """Templates by the last part of their stack's name: Storage, Intake, ..."""
        files = sorted(self.folder.glob("*.template.json"))
        return {
            file.name.removesuffix(".template.json").rpartition("-")[2]: json.loads(
                file.read_text(encoding="utf-8")
            )
            for file in files
        }

    def resources(self, resource_type: str, stack: str | None = None) -> dict[str, Resource]:
        """Resources of a type by `<stack>/<logical id>`."""
        return {
            f"{name}/{logical_id}": resource
            for name, template in self.templates.items()
            if stack in (None, name)
            for logical_id, resource in template["Resources"].items()
            if resource["Type"] == resource_type
        }

    def only(self, resource_type: str, stack: str | None = None) -> Resource:
        """Properties of the one resource of a type."""
        [resource] = self.resources(resource_type, stack).values()
        return dict(resource["Properties"])

    def statements_of_role(self, stack: str, role: str) -> list[dict[str, Any]]:
        """Statements of the policies attached to the role whose logical id begins with `role`."""
        return [
            statement
            for policy in {
                **self.resources("AWS::IAM::Policy", stack),
                **self.resources("AWS::IAM::ManagedPolicy", stack),
            }.values()
            if any(reference["Ref"].startswith(role) for reference in policy["Properties"]["Roles"])
            for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        ]


def new_app(outdir: Path, **context: str) -> cdk.App:
    """An app with the context of cdk.json and what `-c` would add."""
    return cdk.App(outdir=str(outdir), stack_traces=False, context={**CONTEXT, **context})


def synthesize(outdir: Path, **context: str) -> Assembly:
    """What `cdk synth -c key=value ...` writes."""
    entry_point.build(new_app(outdir, **context)).synth()
    return Assembly(outdir)


def synthesize_comprehensive(outdir: Path) -> Assembly:
    """The assembly of `comprehensive_app`."""
    comprehensive_app(outdir).synth()
    return Assembly(outdir)


def comprehensive_app(outdir: Path) -> cdk.App:
    """All options in use, and exactly two datasets, whatever the repository holds."""
    app = new_app(outdir)
    compose(
        app, blueprint(settings_folder=COMPREHENSIVE, contracts=(sales_records(), second_dataset()))
    )
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    return app


def blueprint(
    *,
    settings_folder: Path = ROOT / "config",
    environment: str = "prod",
    contracts: tuple[Contract, ...] | None = None,
    delete_data: bool = False,
) -> Blueprint:
    """The inputs of a synthesis."""
    return Blueprint(
        root=ROOT,
        settings=load(settings_folder, environment),
        contracts=current_contracts(ROOT) if contracts is None else contracts,
        sources=current_sources(ROOT, current_contracts(ROOT)),
        marts=current_marts(ROOT, current_contracts(ROOT)),
        delete_data=delete_data,
    )


def sales_records() -> Contract:
    """The dataset that the tests know by name."""
    [found] = [
        contract for contract in current_contracts(ROOT) if contract.dataset == "sales_records"
    ]
    return found


def second_dataset() -> Contract:
    """A dataset that no line of the stacks has heard of, with personal data."""
    sales = sales_records()
    model = dataclasses.replace(sales.curated[0], name="tiny_by_quarter")
    person = dataclasses.replace(sales.column("country"), pii="hash", data_subject=True)
    columns = tuple(person if column.name == "country" else column for column in sales.columns)
    return dataclasses.replace(
        sales,
        dataset="tiny",
        alert_email="tiny-owner@example.com",
        columns=columns,
        curated=(model,),
    )


def actions_of(statement: dict[str, Any]) -> list[str]:
    """Actions as a list, however they are written."""
    return _listed(statement["Action"])


def resources_of(statement: dict[str, Any]) -> list[str]:
    """Resources flattened to text: references as <LogicalId.Attribute> or <Stack.Output>."""
    return [flat(resource) for resource in _listed(statement["Resource"])]


def flat(value: Any) -> str:
    """A CloudFormation value as readable text."""
    if isinstance(value, str):
        return value
    [(function, argument)] = value.items()
    if function == "Fn::Join":
        return str(argument[0]).join(flat(item) for item in argument[1])
    if function == "Fn::GetStackOutput":
        return f"<{argument['OutputName']}>"
    if function == "Fn::GetAtt":
        return f"<{'.'.join(argument)}>"
    return f"<{argument}>"


def policies(assembly: Assembly) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every statement of every identity policy, with the place it stands."""
    for kind in ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"):
        for place, resource in assembly.resources(kind).items():
            for statement in resource["Properties"]["PolicyDocument"]["Statement"]:
                yield place, statement
    for place, resource in assembly.resources("AWS::IAM::Role").items():
        for policy in resource["Properties"].get("Policies", []):
            for statement in policy["PolicyDocument"]["Statement"]:
                yield place, statement


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
