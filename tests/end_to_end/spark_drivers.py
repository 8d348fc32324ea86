"""The Spark processes of one embedded AWS."""

from __future__ import annotations

import subprocess

from local_cloud.session import LocalCloud, session_processes


def spark_drivers(cloud: LocalCloud) -> list[int]:
    """Living Spark drivers of this embedded AWS, and of no other on the machine."""
    return [
        pid
        for pid in session_processes(cloud.pid)
        if "org.apache.spark.deploy.SparkSubmit" in _command_line(pid)
    ]


def _command_line(pid: int) -> str:
    # -ww: the class comes after a class path that is longer than any terminal is wide
    command = ["ps", "-ww", "-o", "args=", "-p", str(pid)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout
