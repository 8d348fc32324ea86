"""Glue runs that share a JVM share nothing else: not the role, not the settings, not the session; nor a broken JVM."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from local_cloud import session
from tests.end_to_end.local_cloud.bench import Bench
from tests.end_to_end.spark_drivers import spark_drivers

# Says in its error what a run finds, since an error is what Glue shows of a run; or writes it through the JVM's S3.
SCRIPT = """
import json, os, sys
from pyspark.sql import SparkSession
options = dict(zip(sys.argv[1::2], sys.argv[2::2]))
spark = SparkSession.builder.getOrCreate()
seen = {
    "jvm": spark._jvm.java.lang.ProcessHandle.current().pid(),
    "own": spark.conf.get("spark.of.this.job", None),
    "left": spark.conf.get("spark.left.behind", None) or [table.name for table in spark.catalog.listTables()],
    "package": __import__("helping").NAME,
    "key": os.environ["AWS_ACCESS_KEY_ID"] == spark._jvm.java.lang.System.getProperty("aws.accessKeyId"),
}
spark.conf.set("spark.left.behind", "yes")
spark.range(3).createOrReplaceTempView("left_behind")
spark.createDataFrame([(json.dumps(seen),)], "value string").write.mode("overwrite").text(options["--to"])
if "--fail" in options:
    raise ValueError("as asked")
"""
GLUE = {"Service": "glue.amazonaws.com"}


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    cloud = session.start(tmp_path_factory.mktemp("cloud"), owned=True)
    try:
        cloud.control("reuse-spark/yes")
        cloud.control("enforce-policies")
        bench = Bench(cloud)
        s3 = bench.client("s3")
        for bucket in ("code", "first", "second"):
            s3.create_bucket(Bucket=bucket)
        s3.put_object(Bucket="code", Key="job.py", Body=SCRIPT.encode())
        s3.put_object(Bucket="code", Key="helping.py", Body=b"NAME = 'helping'\n")
        for name in ("first", "second"):
            make_job(bench, name)
        yield bench
    finally:
        cloud.stop()


def make_job(bench: Bench, name: str) -> None:
    """A job whose role may write into the bucket of its name only, with a setting of its own."""
    own = [f"arn:aws:s3:::{name}", f"arn:aws:s3:::{name}/*"]
    reading = {"Action": "s3:GetObject", "Resource": "arn:aws:s3:::code/*"}
    role = bench.role(name, GLUE, reading, {"Action": "s3:*", "Resource": own})
    arguments = {
        "--conf": f"spark.of.this.job={name}",
        "--extra-py-files": "s3://code/helping.py",
        "--to": f"s3://{name}/seen/",
    }
    command = {"Name": "glueetl", "ScriptLocation": "s3://code/job.py"}
    bench.client("glue").create_job(
        Name=name, Role=role, Command=command, DefaultArguments=arguments
    )


def run(bench: Bench, job: str, **arguments: str) -> dict[str, Any]:
    """A run, once it has ended."""
    glue, deadline = bench.client("glue"), time.monotonic() + 120
    given = {f"--{name}": value for name, value in arguments.items()}
    run_id = glue.start_job_run(JobName=job, Arguments=given)["JobRunId"]
    while time.monotonic() < deadline:
        found = glue.get_job_run(JobName=job, RunId=run_id)["JobRun"]
        if found["JobRunState"] in ("SUCCEEDED", "FAILED"):
            return dict(found)
        time.sleep(0.2)
    raise AssertionError(f"{job} is still running")


def seen(bench: Bench, bucket: str) -> dict[str, Any]:
    s3 = bench.client("s3")
    keys = [
        item["Key"] for item in s3.list_objects_v2(Bucket=bucket, Prefix="seen/part-")["Contents"]
    ]
    texts = (s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode() for key in keys)
    return dict(json.loads("".join(texts)))


def test_two_jobs_in_one_jvm_have_their_own_role_settings_and_session(bench: Bench) -> None:
    for job in ("first", "second"):
        outcome = run(bench, job)
        assert outcome["JobRunState"] == "SUCCEEDED", outcome["ErrorMessage"]
    first, second = seen(bench, "first"), seen(bench, "second")
    assert first["jvm"] == second["jvm"] == spark_drivers(bench.cloud)[0]
    for job, found in (("first", first), ("second", second)):
        assert found == {
            "jvm": found["jvm"],
            "own": job,
            "left": [],
            "package": "helping",
            "key": True,
        }


def test_a_run_under_another_role_does_not_reach_what_the_run_before_could(bench: Bench) -> None:
    outcome = run(bench, "second", to="s3://first/stolen/")
    assert outcome["JobRunState"] == "FAILED"
    assert "AccessDenied" in outcome["ErrorMessage"] or "403" in outcome["ErrorMessage"]
    assert bench.client("s3").list_objects_v2(Bucket="first", Prefix="stolen/")["KeyCount"] == 0


def test_the_jvm_of_a_run_that_failed_or_was_killed_is_gone(bench: Bench) -> None:
    outcome = run(bench, "first", fail="yes")
    assert (outcome["JobRunState"], outcome["ErrorMessage"]) == ("FAILED", "ValueError: as asked")
    assert spark_drivers(bench.cloud) == []
    bench.cloud.control("crash-at/first/s3:PutObject/1")
    outcome = run(bench, "first")
    assert outcome["JobRunState"] == "FAILED"
    assert bench.cloud.control("no-crash") == {"not_struck": []}
    assert spark_drivers(bench.cloud) == []
