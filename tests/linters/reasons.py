"""Why a finding is left as it is, by rule: tests/linters/reasons.yaml."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.linters.findings import Finding

FILE = Path(__file__).parent / "reasons.yaml"
CDK_NAG = "cdk-nag"  # its packs share rules, and so their reasons


@dataclass(frozen=True)
class Reason:
    """`of` are patterns of places, which begin there; a reason without any is for every place."""

    why: str
    of: tuple[str, ...] = ()

    def covers(self, finding: Finding) -> bool:
        """Whether it is a reason for this very finding."""
        return not self.of or any(re.match(pattern, finding.place) for pattern in self.of)


Reasons = Mapping[tuple[str, str], Reason]  # by tool and rule


def load(file: Path = FILE) -> Reasons:
    """All of them. Raises ValueError for one without words."""
    read = yaml.safe_load(file.read_text(encoding="utf-8"))
    reasons = {
        (tool, rule): Reason(why=str(given["why"]).strip(), of=tuple(given.get("of", ())))
        for tool, rules in read.items()
        for rule, given in rules.items()
    }
    if empty := sorted(f"{tool} {rule}" for (tool, rule), one in reasons.items() if not one.why):
        raise ValueError(f"{file.name}: no words in why of {', '.join(empty)}")
    return reasons


def key(finding: Finding) -> tuple[str, str]:
    """Where its reason stands."""
    return (CDK_NAG if finding.tool.startswith(CDK_NAG) else finding.tool, finding.rule)


def unexplained(findings: Collection[Finding], reasons: Reasons) -> list[Finding]:
    """Those that no reason covers."""
    return sorted(
        finding
        for finding in findings
        if (reason := reasons.get(key(finding))) is None or not reason.covers(finding)
    )


def unused(findings: Collection[Finding], reasons: Reasons) -> list[str]:
    """Reasons, and places of them, that nothing is found for any more."""
    left = []
    for (tool, rule), reason in reasons.items():
        places = [each.place for each in findings if key(each) == (tool, rule)]
        if not places:
            left.append(f"{tool} {rule}")
        left += [
            f"{tool} {rule}: {pattern}"
            for pattern in reason.of
            if places and not any(re.match(pattern, place) for place in places)
        ]
    return left
