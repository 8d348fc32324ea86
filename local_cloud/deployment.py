"""Deploys the synthesized application into the embedded AWS with the CDK's own command line.

Measured on 2 cores: each CDK start costs 2-3 s, a synth 10 s. So synth runs once, beside bootstrap, and one `deploy`
takes the finished assembly. Policies are enforced only afterwards, because the bootstrap roles are not what is shown.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from local_cloud import keys
from local_cloud.session import ROOT, LocalCloud, LocalCloudFailed, Progress, silent
from local_cloud.settings import ACCOUNT, REGION

CDK = ROOT / "node_modules" / ".bin" / "cdk"
ASSEMBLY = "cdk.out"
SHOWN_CHARACTERS = 4000
CONCURRENT_STACKS = 4


def deploy(
    cloud: LocalCloud, *, application: Path | None = None, on_progress: Progress = silent
) -> list[str]:
    """Synthesize and deploy the application with policies enforced from then on.

    A directory `application` has what was synthesized before, and the partner's key in it: that is
    deployed then. Returns the resource types that are recorded only. Raises LocalCloudFailed with the
    end of the tool's output.
    """
    started = time.monotonic()
    with ThreadPoolExecutor(max_workers=1) as pool:
        bootstrap = pool.submit(_bootstrap, cloud)
        if application:
            _take_over(application, cloud.path)
        else:
            synthesize(cloud.path)
        bootstrap.result()
    on_progress(f"synthesized and bootstrapped in {time.monotonic() - started:.1f} s")
    started = time.monotonic()
    _cdk(
        cloud.path, cloud.environment(), "deploy", "--all", "--app", str(cloud.path / ASSEMBLY),
        "--require-approval", "never", "--method", "direct", "--concurrency", str(CONCURRENT_STACKS),
        "--progress", "events", "--asset-parallelism", "true",
    )  # fmt: skip
    on_progress(f"deployed in {time.monotonic() - started:.1f} s")
    cloud.control("enforce-policies")
    on_progress("IAM policies are enforced from here on")
    return [str(name) for name in cloud.control("recorded-types")]


def synthesize(directory: Path) -> None:
    """Write the application of the local environment to `directory`, with the partner's key that is there.

    Without the CDK's check of templates against CloudFormation's schemas, half the time of a synthesis: nothing here is
    CloudFormation's, and `cdk synth`, `cdk deploy` and the tests of the infrastructure do it. cdk-nag looks here, too.
    """
    public_key = (directory / keys.PUBLIC_KEY).read_text().strip()
    context = ("-c", "environment=local", "-c", f"sftp-public-key={public_key}")
    _cdk(
        directory,
        {},
        "synth",
        "--quiet",
        "--no-validation",
        "--output",
        str(directory / ASSEMBLY),
        *context,
    )


def _take_over(application: Path, directory: Path) -> None:
    keys.copy(application, directory)
    shutil.rmtree(directory / ASSEMBLY, ignore_errors=True)
    shutil.copytree(application / ASSEMBLY, directory / ASSEMBLY)


def _bootstrap(cloud: LocalCloud) -> None:
    # --app "": bootstrapping must not synthesize the application a second time
    _cdk(cloud.path, cloud.environment(), "bootstrap", f"aws://{ACCOUNT}/{REGION}", "--app", "")


def _cdk(directory: Path, endpoint: dict[str, str], command: str, *arguments: str) -> None:
    if not CDK.exists():
        raise LocalCloudFailed(f"{CDK.relative_to(ROOT)} is missing: run `make setup`")
    log_path = directory / "logs" / f"cdk_{command}.log"
    log_path.parent.mkdir(exist_ok=True)
    with log_path.open("wb") as log:
        tool = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "local_cloud.lifeline",
                str(CDK),
                command,
                *arguments,
                "--ci",
                "--no-color",
            ],
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


def _environment(endpoint: dict[str, str]) -> dict[str, str]:
    inherited = {
        key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "CDK_"))
    }
    return (
        inherited
        | endpoint
        | {
            "AWS_SESSION_TOKEN": "",
            "CDK_DEFAULT_ACCOUNT": ACCOUNT,
            "CDK_DEFAULT_REGION": REGION,
            "CDK_DISABLE_CLI_TELEMETRY": "true",
            "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "1",
        }
    )
