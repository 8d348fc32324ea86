"""What idle costs is what the page says: resources counted in the templates, prices and sums checked for arithmetic."""

from __future__ import annotations

import re
from decimal import Decimal

from tests.infrastructure.support import ROOT, Assembly

ROW = re.compile(r"^\| ([\w ,]+?) \| ([\d.]+) \| (\d+) \| (\d+) \|$", re.MULTILINE)
SUM = re.compile(r"^\| \*\*sum\*\* \| \| \*\*([\d.]+)\*\* \| \*\*([\d.]+)\*\* \|$", re.MULTILINE)
PAGE = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
TYPES = {
    "SFTP server": "AWS::Transfer::Server",
    "KMS key": "AWS::KMS::Key",
    "CloudWatch dashboard": "AWS::CloudWatch::Dashboard",
    "CloudWatch alarm": "AWS::CloudWatch::Alarm",
    "Secret": "AWS::SecretsManager::Secret",
}


def counted(assembly: Assembly) -> dict[str, int]:
    """How many of each the templates have."""
    counts = {name: len(assembly.resources(kind)) for name, kind in TYPES.items()}
    stale = [place for place in assembly.resources("AWS::CloudWatch::Alarm") if "/Stale" in place]
    endpoints = [
        endpoint["Properties"]
        for endpoint in assembly.resources("AWS::EC2::VPCEndpoint").values()
        if endpoint["Properties"]["VpcEndpointType"] == "Interface"
    ]
    return counts | {
        "Custom metric, one per dataset": len(stale),
        "Interface endpoint, by zone": sum(len(each["SubnetIds"]) for each in endpoints),
    }


def test_the_bill_counts_what_the_templates_have(prod: Assembly, comprehensive: Assembly) -> None:
    rows = {name: (int(shipped), int(full)) for name, _, shipped, full in ROW.findall(PAGE)}
    found = {name: (number, counted(comprehensive)[name]) for name, number in counted(prod).items()}
    assert rows == found


def test_the_bill_adds_up() -> None:
    rows = [(Decimal(each), int(a), int(b)) for _, each, a, b in ROW.findall(PAGE)]
    [(shipped, full)] = SUM.findall(PAGE)
    assert sum(each * number for each, number, _ in rows) == Decimal(shipped)
    assert sum(each * number for each, _, number in rows) == Decimal(full)
