"""How many datasets one environment holds: `python -m benchmarks.datasets 20 40 60`, without an account.

The application is synthesized with so many copies of the sales contract, and what grows with them is printed beside
AWS's limits. Sources: CloudFormation user guide, quotas (500 resources and 1,000,000 bytes a template); IAM user guide,
quotas (6,144 characters a managed policy, into which CDK puts what does not fit into a role, and 10 of them a role).
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import aws_cdk as cdk

from contracts.model import Contract
from stacks.application import compose, current_contracts
from stacks.base import Blueprint
from stacks.settings import load

ROOT = Path(__file__).resolve().parents[1]
DATASET = "sales_records"
MOST_RESOURCES, MOST_BYTES, MOST_CHARACTERS, MOST_POLICIES = 500, 1_000_000, 6_144, 10


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("datasets", type=int, nargs="+", help="numbers of datasets")
    print(
        f"| datasets | resources (limit {MOST_RESOURCES}) | bytes (limit {MOST_BYTES:,}) |"
        f" characters of a managed policy (limit {MOST_CHARACTERS:,}) |"
        f" managed policies of a role (limit {MOST_POLICIES}) |\n|--:|---|---|---|---|"
    )
    for number in parser.parse_args(argv).datasets:
        cells = (f"{size:,} {where}" for size, where in measured(number))
        print(f"| {number} | {' | '.join(cells)} |", flush=True)


def measured(datasets: int) -> list[tuple[int, str]]:
    """The largest of each kind, and where it is."""
    with tempfile.TemporaryDirectory() as folder:
        templates = dict(_synthesized(Path(folder), datasets))
    sizes = {name: len(text) for name, text in templates.items()}
    resources = {name: json.loads(text)["Resources"] for name, text in templates.items()}
    counts = {name: len(found) for name, found in resources.items()}
    managed = [
        (f"{stack}/{name}", one["Properties"])
        for stack, found in resources.items()
        for name, one in found.items()
        if one["Type"] == "AWS::IAM::ManagedPolicy"
    ]
    characters = {
        name: len(json.dumps(properties["PolicyDocument"], separators=(",", ":")))
        for name, properties in managed
    }
    roles = Counter(role["Ref"] for _, properties in managed for role in properties["Roles"])
    return [_largest(counts), _largest(sizes), _largest(characters), _largest(roles)]


def _largest(sizes: Mapping[str, int]) -> tuple[int, str]:
    return max(((size, name) for name, size in sizes.items()), default=(0, "none"))


def _synthesized(folder: Path, datasets: int) -> Iterator[tuple[str, str]]:
    """Templates by stack; nothing is checked, since a template may be too large."""
    context = json.loads((ROOT / "cdk.json").read_text(encoding="utf-8"))["context"]
    app = cdk.App(outdir=str(folder), stack_traces=False, context=context)
    contracts = tuple(_copy(number) for number in range(datasets))
    settings = load(ROOT / "config", "prod")
    compose(app, Blueprint(root=ROOT, settings=settings, contracts=contracts, delete_data=False))
    app.synth()
    for file in folder.glob("*.template.json"):
        name = file.name.removesuffix(".template.json").rpartition("-")[2]
        yield name, file.read_text(encoding="utf-8")


def _copy(number: int) -> Contract:
    """The sales contract under another name, and its curated tables, too."""
    [sales] = [one for one in current_contracts(ROOT) if one.dataset == DATASET]
    curated = tuple(
        dataclasses.replace(model, name=f"{model.name}_{number:04d}") for model in sales.curated
    )
    return dataclasses.replace(sales, dataset=f"{DATASET}_{number:04d}", curated=curated)


if __name__ == "__main__":
    main()
