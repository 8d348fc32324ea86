"""A burst of small files over one SFTP session: nothing is lost, and how much each costs.

What is measured: from the first byte sent until nothing moves any more, Spark starts, seconds per file.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from chaos import serving
from chaos.batches import SmallFile, batch, expected
from chaos.outcome import Outcome, differences, left_open
from chaos.world import PARTNER, World
from contracts import model
from slipway.acting import partner

FULL, SHORT = 1_000, 60


def run(world: World, *, short: bool) -> Outcome:
    """Deliver the burst into an empty pipeline."""
    files = batch("burst", count=SHORT if short else FULL)
    starts = world.spark_starts()
    began = time.monotonic()
    unseen = _send(world, files)
    sent = time.monotonic() - began
    world.wait_until_quiet()
    seconds = time.monotonic() - began
    loaded = {item["landing_key"] for item in world.file_entries() if item["status"] == "loaded"}
    lost = sorted({file.key for file in files} - loaded)
    problems = [f"{len(lost)} files are not loaded, the first is {lost[0]}"] if lost else []
    problems += [f"the partner does not see {unseen[0]}, which it sent"] if unseen else []
    problems += (
        left_open(world) + differences(expected(files), world.tables()) + serving.unlike_lake(world)
    )
    return Outcome(
        figures={
            "files": len(files),
            "lost": len(lost),
            "Spark starts": world.spark_starts() - starts,
            "seconds to send": round(sent, 1),
            "seconds until all are loaded": round(seconds, 1),
            "seconds per file": round(seconds / len(files), 3),
        },
        problems=problems,
    )


def _send(world: World, files: list[SmallFile]) -> list[str]:
    """Send all files; the names that the partner then misses in its own folder."""
    folder = model.load("sales_records").intake.folder
    with (
        tempfile.TemporaryDirectory() as directory,
        partner.connected(partner.endpoint(world.deployment, user=PARTNER, identity=None)) as sftp,
    ):
        for file in files:
            path = Path(directory) / file.name
            path.write_bytes(file.body)
            partner.send(sftp, path, folder=folder)
        return sorted({file.name for file in files} - set(sftp.listdir(f"/{folder}")))
