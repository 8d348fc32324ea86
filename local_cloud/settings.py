"""What one run of the embedded AWS is made of: where it keeps files, which ports it has, who may steer it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ACCOUNT = "000000000000"
REGION = "us-east-1"
LOOPBACK = "127.0.0.1"  # an address, not a name: the SDKs then address S3 buckets by path


def class_archive(jars_dir: Path) -> Path:
    """The JVM's archive of Spark's classes, beside the jars it was made from; see spark_classes."""
    return jars_dir.parent / "spark-classes.jsa"


@dataclass(frozen=True, kw_only=True)
class ServerSettings:
    """Fixed when the server process starts."""

    state_dir: Path
    jars_dir: Path
    port: int
    sftp_port: int
    control_token: (
        str  # allows the operator's process to steer the server; never given to Lambdas or jobs
    )
    record_classes: bool = False  # Spark runs write the class archive instead of using it

    @property
    def endpoint(self) -> str:
        """Where every AWS service answers."""
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def logs_dir(self) -> Path:
        """Log files: the server's, the deployment's and one per Spark run."""
        return self.state_dir / "logs"
