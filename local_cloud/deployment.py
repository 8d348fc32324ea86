"""Deploys the synthesized application into the embedded AWS with the CDK's own command line.

Measured on 2 cores: each CDK start costs 2-3 s, a synth 10 s. So an assembly is kept until one of its inputs changes
(assembly.py), synth runs beside bootstrap, and one `deploy` takes the finished assembly. Policies are enforced only
afterwards, because the bootstrap roles are not what is shown.
"""

from __future__ import annotations

import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import boto3

from local_cloud import assembly, cdk, keys, rehearsal
from local_cloud.assembly import ASSEMBLY
from local_cloud.session import LocalCloud, Progress, silent
from local_cloud.settings import ACCOUNT, REGION

CONCURRENT_STACKS = 4


def deploy(
    cloud: LocalCloud,
    *,
    application: Path | None = None,
    engine: str | None = None,
    settings: Path | None = None,
    on_progress: Progress = silent,
) -> list[str]:
    """Deploy the application as it is now, with policies enforced from then on.

    A directory `application` has what was synthesized before, and the partner's key in it: that is
    deployed instead. `engine` is the one for every run, unless a run names another; None leaves the choice to the
    settings. `settings` is a file of another environment that is rehearsed. Returns the resource types that are
    recorded only. Raises LocalCloudFailed with the end of the tool's output.
    """
    started = time.monotonic()
    with ThreadPoolExecutor(max_workers=1) as pool:
        bootstrap = pool.submit(_bootstrap, cloud)
        made = application or assembly.current(engine=engine, settings=settings)
        _take_over(made, cloud.path)
        bootstrap.result()
    _make_expected_secrets(cloud)
    on_progress(f"assembly and bootstrap ready in {time.monotonic() - started:.1f} s")
    started = time.monotonic()
    cdk.run(
        cloud.path, cloud.environment(), "deploy", "--all", "--app", str(cloud.path / ASSEMBLY),
        "--require-approval", "never", "--method", "direct", "--concurrency", str(CONCURRENT_STACKS),
        "--progress", "events", "--asset-parallelism", "true",
    )  # fmt: skip
    on_progress(f"deployed in {time.monotonic() - started:.1f} s")
    cloud.control("enforce-policies")
    on_progress("IAM policies are enforced from here on")
    return [str(name) for name in cloud.control("recorded-types")]


def _take_over(application: Path, directory: Path) -> None:
    keys.copy(application, directory)
    shutil.rmtree(directory / ASSEMBLY, ignore_errors=True)
    shutil.copytree(application / ASSEMBLY, directory / ASSEMBLY)


def _make_expected_secrets(cloud: LocalCloud) -> None:
    """What docs/deployment.md has somebody make before the first deployment; those that are there stay."""
    client = boto3.client(
        "secretsmanager",
        endpoint_url=cloud.endpoint,
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106 - the embedded AWS's administrator, as in session.py
    )
    for name in rehearsal.expected_secrets(cloud.path / ASSEMBLY):
        try:
            client.create_secret(Name=name, SecretString=rehearsal.host_key())
        except client.exceptions.ResourceExistsException:
            continue


def _bootstrap(cloud: LocalCloud) -> None:
    # --app "": bootstrapping must not synthesize the application a second time
    cdk.run(cloud.path, cloud.environment(), "bootstrap", f"aws://{ACCOUNT}/{REGION}", "--app", "")
