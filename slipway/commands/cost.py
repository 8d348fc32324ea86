"""`slipway cost`: what a month of an environment costs, before it is deployed, or what a change does to that."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from contracts import model
from pricing import comparison, price_list, templates, volume
from pricing.estimate import Estimate
from pricing.estimating import estimate
from pricing.volume import Volume
from slipway.acting import synthesis
from slipway.console import say
from slipway.deployment import connect
from slipway.reading import measured_volume
from slipway.showing import cost_view


def run(options: argparse.Namespace) -> int:
    """0; a resource type without a price is named in what is printed."""
    month = _volume(options)
    found = _estimate(options, month)
    if options.compare:
        before = _priced(Path(options.compare), month)
        say(comparison.as_markdown(before, found))
    elif options.json:
        cost_view.show_json(found, month)
    else:
        cost_view.show(found, month)
    return 0


def _volume(options: argparse.Namespace) -> Volume:
    if options.measured:
        return measured_volume.last_month(connect(options.environment))
    if options.volume:
        return volume.load(Path(options.volume), model.datasets())
    return volume.NONE


def _estimate(options: argparse.Namespace, month: Volume) -> Estimate:
    if options.assembly:
        return _priced(Path(options.assembly), month)
    with tempfile.TemporaryDirectory() as folder:
        synthesis.synthesize(options.environment, Path(folder))
        return _priced(Path(folder), month)


def _priced(place: Path, month: Volume) -> Estimate:
    return estimate(templates.read(place), price_list.load(), month)
