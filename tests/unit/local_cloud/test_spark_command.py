"""What Glue does with a job's arguments, without Spark."""

from dataclasses import replace
from pathlib import Path

import pytest

from local_cloud.adapters.glue import command as spark_command
from local_cloud.settings import ServerSettings, class_archive

SETTINGS = ServerSettings(
    state_dir=Path("state"), jars_dir=Path("jars"), port=4566, sftp_port=2222, control_token="token"
)


def test_the_runs_arguments_win_over_the_jobs_and_glue_adds_its_own() -> None:
    merged = spark_command.merged_arguments(
        {"--dataset": "default", "--environment": "local"},
        {"--dataset": "sales"},
        job_name="job",
        run_id="jr_1",
    )
    assert merged == {
        "--dataset": "sales",
        "--environment": "local",
        "--JOB_NAME": "job",
        "--JOB_RUN_ID": "jr_1",
    }


def test_one_conf_argument_carries_several_properties() -> None:
    properties = spark_command.spark_properties("a=1 --conf b=x=y  --conf c=3")
    assert properties == {"a": "1", "b": "x=y", "c": "3"}


def test_a_property_without_a_value_is_named() -> None:
    with pytest.raises(ValueError, match=r"'broken', expected key=value"):
        spark_command.spark_properties("a=1 --conf broken")


def test_the_script_sees_only_what_glue_does_not_consume() -> None:
    arguments = {
        "--conf": "a=1",
        "--extra-py-files": "s3://b/p.zip",
        "--dataset": "sales",
        "--JOB_NAME": "job",
    }
    assert spark_command.script_arguments(arguments) == ["--dataset", "sales", "--JOB_NAME", "job"]


def test_local_endpoints_win_and_the_jobs_own_settings_stay() -> None:
    conf = "spark.sql.catalog.glue_catalog=org.Catalog --conf spark.master=yarn"
    command = spark_command.spark_submit(
        SETTINGS, {"--conf": conf}, Path("job.py"), [Path("p.zip")], [Path("a.jar")]
    )
    assert "spark.sql.catalog.glue_catalog=org.Catalog" in command
    assert "spark.master=local[2]" in command
    assert "spark.master=yarn" not in command
    assert "spark.hadoop.fs.s3a.endpoint=http://127.0.0.1:4566" in command
    assert command[command.index("--py-files") + 1] == "p.zip"
    assert command[-1] == "job.py"


def test_a_library_that_spark_brings_is_not_put_before_it() -> None:
    ours = [Path("netty-buffer-4.1.126.Final.jar"), Path("iceberg-aws-1.11.0.jar")]
    assert spark_command.needed_jars(ours, [Path("netty-buffer-4.2.1.Final.jar")]) == [ours[1]]


def test_the_error_message_is_the_exception_without_its_stack() -> None:
    log = (
        "26/11/20 20:36:28 WARN Something: harmless\n"
        "Traceback (most recent call last):\n"
        '  File "job.py", line 3, in <module>\n'
        "    raise ReconciliationFailed('12 rows')\n"
        "contracts.errors.ReconciliationFailed: 12 rows\n"
        "26/11/20 20:36:29 INFO ShutdownHookManager: bye\n"
    )
    assert spark_command.error_message(log, 1) == "contracts.errors.ReconciliationFailed: 12 rows"


def test_the_error_message_of_the_jvm_names_its_cause() -> None:
    log = (
        "Traceback (most recent call last):\n"
        '  File "job.py", line 3, in <module>\n'
        "py4j.protocol.Py4JJavaError: An error occurred while calling o1.csv.\n"
        ": java.nio.file.AccessDeniedException: s3://raw/x: Access Denied\n"
        "\tat org.apache.hadoop.fs.s3a.S3AUtils\n"
        "Caused by: java.io.UncheckedIOException: cannot close\n"
        "\tat org.apache.iceberg.Writer\n"
        "Caused by: software.amazon.awssdk.S3Exception: not authorized to perform: s3:GetObject\n"
        "\t... 3 more\n"
    )
    assert spark_command.error_message(log, 1).splitlines() == [
        "py4j.protocol.Py4JJavaError: An error occurred while calling o1.csv.",
        ": java.nio.file.AccessDeniedException: s3://raw/x: Access Denied",
        "Caused by: software.amazon.awssdk.S3Exception: not authorized to perform: s3:GetObject",
    ]


def test_a_killed_process_says_how_it_ended() -> None:
    assert "exit code 137" in spark_command.error_message("INFO working\n", 137)


def test_the_class_archive_is_used_when_it_is_there(tmp_path: Path) -> None:
    settings = replace(SETTINGS, jars_dir=tmp_path / "jars")
    assert not any("Archive" in option for option in spark_command.java_options(settings))
    archive = class_archive(settings.jars_dir)
    archive.touch()
    assert f"-XX:SharedArchiveFile={archive}" in spark_command.java_options(settings)
    assert f"-XX:ArchiveClassesAtExit={archive}" in spark_command.java_options(
        replace(settings, record_classes=True)
    )
