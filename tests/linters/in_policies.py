"""Runs in the environment of parliament and cloudsplaining: reads policies, prints a finding per line as JSON."""

import json
import sys
import warnings
from pathlib import Path

warnings.simplefilter(
    "ignore"
)  # parliament imports pkg_resources, which says at each start that it will go

import parliament  # noqa: E402 - after the filter
from cloudsplaining.scan.policy_document import PolicyDocument  # noqa: E402 - after the filter

# Source: cloudsplaining's documentation, "Risks".
RISKS = (
    *("allows_privilege_escalation", "permissions_management_without_constraints"),
    *("allows_data_exfiltration_actions", "credentials_exposure", "service_wildcard"),
    "infrastructure_modification",
)


def main(policies_file: str) -> None:
    for policy in json.loads(Path(policies_file).read_text("utf-8")):
        text = json.dumps(policy["document"])
        for finding in parliament.analyze_policy_string(text).findings:
            tell("parliament", finding.issue, policy["role"])
        document = PolicyDocument(policy["document"])
        for risk in RISKS:
            for _ in getattr(document, risk):
                tell("cloudsplaining", risk, policy["role"])


def tell(tool: str, rule: str, place: str) -> None:
    print(json.dumps({"tool": tool, "rule": rule, "place": place}))


if __name__ == "__main__":
    main(sys.argv[1])
