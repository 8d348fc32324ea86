"""The CDK's own command line, which ends when the process that started it does."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from local_cloud.session import ROOT, LocalCloudFailed
from local_cloud.settings import ACCOUNT, REGION

CDK = ROOT / "node_modules" / ".bin" / "cdk"
SHOWN_CHARACTERS = 4000


def run(directory: Path, endpoint: Mapping[str, str], command: str, *arguments: str) -> None:
    """Run a command of the CDK with its output in `directory`/logs.

    Raises LocalCloudFailed with the end of that output.
    """
    if not CDK.exists():
        raise LocalCloudFailed(f"{CDK.relative_to(ROOT)} is missing: run `make setup`")
    log_path = directory / "logs" / f"cdk_{command}.log"
    log_path.parent.mkdir(exist_ok=True)
    cdk = [str(CDK), command, *arguments, "--ci", "--no-color"]
    with log_path.open("wb") as log:
        tool = subprocess.Popen(
            [sys.executable, "-m", "local_cloud.lifeline", *cdk],
            stdin=subprocess.PIPE,  # its lifeline: closes when this process ends
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=ROOT,
            env=_environment(endpoint),
        )
    try:
        code = tool.wait()
    finally:
        tool.terminate()
    if code != 0:
        output = log_path.read_text("utf-8", "replace")
        raise LocalCloudFailed(
            f"cdk {command} failed with exit code {code}:\n{output[-SHOWN_CHARACTERS:]}"
        )


def _environment(endpoint: Mapping[str, str]) -> dict[str, str]:
    inherited = {
        key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "CDK_"))
    }
    return {
        **inherited,
        **endpoint,
        "AWS_SESSION_TOKEN": "",
        "CDK_DEFAULT_ACCOUNT": ACCOUNT,
        "CDK_DEFAULT_REGION": REGION,
        "CDK_DISABLE_CLI_TELEMETRY": "true",
        "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "1",
    }
