"""The embedded AWS as one process: the emulator with our adapters, started by `local_cloud.session`.

Everything the process starts stays in its session, listens on 127.0.0.1 only and keeps its files in the state
directory, so that ending the session and deleting the directory leaves nothing behind.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
from pathlib import Path

from local_cloud.settings import LOOPBACK, REGION, ServerSettings


def main() -> None:
    """Serve until a signal, or until the owner (if there is one) has ended."""
    parser = argparse.ArgumentParser(description="Slipway's embedded AWS")
    parser.add_argument("--state-dir", type=Path, required=True)
    parser.add_argument("--jars-dir", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--sftp-port", type=int, required=True)
    parser.add_argument("--owned", action="store_true", help="end when standard input closes")
    parser.add_argument(
        "--record-classes", action="store_true", help="Spark runs write the JVM's class archive"
    )
    options = parser.parse_args()
    settings = ServerSettings(
        state_dir=options.state_dir.resolve(),
        jars_dir=options.jars_dir.resolve(),
        port=options.port,
        sftp_port=options.sftp_port,
        control_token=os.environ.pop("SLIPWAY_CONTROL_TOKEN"),
        record_classes=options.record_classes,
    )
    os.environ.update(emulator_environment(settings))
    if options.owned:
        threading.Thread(target=_end_with_owner, daemon=True).start()
    serve(settings)


def emulator_environment(settings: ServerSettings) -> dict[str, str]:
    """The emulator's settings, which it reads when it is imported."""
    return {
        "GATEWAY_PORT": str(settings.port),
        "BIND_HOST": LOOPBACK,
        "MINISTACK_HOST": LOOPBACK,
        "MINISTACK_REGION": REGION,
        "SFTP_HOST": LOOPBACK,
        "SFTP_PORT": str(settings.sftp_port),
        "IOT_MTLS_ENABLED": "0",
        "CLOUDTRAIL_RECORDING": "1",
        "AUTH": "false",  # on after deployment, see adapters.control
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": settings.endpoint,
        "TMPDIR": str(settings.state_dir / "tmp"),
    }


def serve(settings: ServerSettings) -> None:
    """Install every adapter, then let the emulator serve."""
    for folder in ("tmp", "logs", "spark"):
        (settings.state_dir / folder).mkdir(parents=True, exist_ok=True)
    from local_cloud.adapters.install import (
        install_all,
    )  # after the environment: the emulator reads it on import

    install_all(settings)
    import ministack.app

    sys.argv = ["ministack"]  # the emulator parses the command line itself
    ministack.app.main()


def _end_with_owner() -> None:
    sys.stdin.buffer.read()
    os.kill(os.getpid(), 15)


if __name__ == "__main__":
    main()
