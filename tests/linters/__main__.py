"""`make linters`: what every linter finds in the templates, counted, and whether each finding has its reason."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.infrastructure.support import Assembly
from tests.linters import findings, reasons
from tests.linters.findings import ROOT, Finding, LinterFailed

ENVIRONMENTS = ("prod", "comprehensive")


def main() -> int:
    """0 when each finding has a reason and each reason a finding."""
    known = reasons.load()
    with tempfile.TemporaryDirectory() as folder:
        found = {name: linted(name, Path(folder) / name) for name in ENVIRONMENTS}
    show(found, known)
    everything = [each for some in found.values() for each in some]
    problems = [
        f"no reason for {each.tool} {each.rule} at {each.place}"
        for each in sorted(set(reasons.unexplained(everything, known)))
    ]
    problems += [
        f"reason without a finding: {each}; take it out"
        for each in reasons.unused(everything, known)
    ]
    for problem in problems:
        print(f"tests/linters/reasons.yaml: {problem}")
    print(f"\n{len(problems)} problems" if problems else "\nevery finding has its reason")
    return int(bool(problems))


def linted(environment: str, folder: Path) -> list[Finding]:
    """What all tools find in one environment."""
    work, assembly = folder / "work", Assembly(folder / "cdk.out")
    work.mkdir(parents=True)
    command = [sys.executable, "-m", "tests.linters.synthesis", str(assembly.folder), environment]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LinterFailed(f"{environment} was not synthesized:\n{done.stderr[-3000:]}")
    print(f"{environment}: synthesized", flush=True)
    return [each for tool in findings.ALL for each in tool(assembly, work)]


def show(found: Mapping[str, Sequence[Finding]], known: reasons.Reasons) -> None:
    """A line for each rule with its counts and its reason; a sum for each tool."""
    print(f"\n{'tool and rule':58}" + "".join(f"{name:>15}" for name in found))
    for tool in findings.NAMES:
        counts = {
            name: Counter(each.rule for each in some if each.tool == tool)
            for name, some in found.items()
        }
        sums = (f"{sum(of.values()):>15}" for of in counts.values())
        print(f"{tool:58}" + "".join(sums))
        for rule in sorted({rule for of in counts.values() for rule in of}):
            reason = known.get(reasons.key(Finding(tool, rule, "")))
            print(f"  {rule:56}" + "".join(f"{of[rule]:>15}" for of in counts.values()))
            print(f"      {reason.why if reason else 'NO REASON'}")


if __name__ == "__main__":
    sys.exit(main())
