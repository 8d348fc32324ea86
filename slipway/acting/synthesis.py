"""Writes the templates of an environment to a folder, as `cdk synth` does, without the CDK's command line.

Always anew: an assembly that lies about may be of another environment or of older settings, and its price too.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from contracts.errors import PermanentError

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENTS = ("dev", "prod", "local")


def synthesize(environment: str, folder: Path) -> None:
    """The assembly of `environment` in `folder`. Raises PermanentError with what the application said."""
    if environment not in ENVIRONMENTS:
        known = ", ".join(ENVIRONMENTS)
        raise PermanentError(f"no settings of environment {environment!r}; known: {known}")
    context = json.loads((ROOT / "cdk.json").read_text(encoding="utf-8"))["context"]
    context |= {"environment": environment, "estimate": "yes"}
    done = subprocess.run(
        [sys.executable, str(ROOT / "app.py")],
        cwd=ROOT,
        # What the CDK's command line hands to an application. Source: aws-cdk, cx-api, OUTDIR_ENV and CONTEXT_ENV.
        env={**os.environ, "CDK_OUTDIR": str(folder), "CDK_CONTEXT_JSON": json.dumps(context)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise PermanentError(f"cannot synthesize {environment}:\n{done.stderr.strip()}")
