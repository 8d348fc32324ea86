"""The price of a second of each engine, as the functions that end a run are given it."""

from __future__ import annotations

from decimal import Decimal

from pipeline.costs import DPU_PER_WORKER
from pricing.price_list import PriceList

DIGITS = Decimal("0.000000000001")


def worker_second_prices(
    prices: PriceList, *, worker_type: str, memory_megabytes: int, emr: bool = False
) -> dict[str, str]:
    """USD of a second of one worker of Glue and of a function for small batches, by the variable that tells it; with
    `emr` also of what EMR Serverless bills.
    """
    dpu_second, gib_second = prices.prices["dpu_second"], prices.prices["gib_second"]
    worker = Decimal(str(DPU_PER_WORKER[worker_type])) * dpu_second.usd / dpu_second.per
    function = Decimal(memory_megabytes) / 1024 * gib_second.usd / gib_second.per
    return {
        "SPARK_WORKER_SECOND_USD": f"{worker.quantize(DIGITS):f}",
        "DUCKDB_SECOND_USD": f"{function.quantize(DIGITS):f}",
        **(_of_emr(prices) if emr else {}),
    }


def _of_emr(prices: PriceList) -> dict[str, str]:
    seconds = {"VCPU": "emr_vcpu_second", "GB": "emr_gb_second", "DISK_GB": "emr_disk_gb_second"}
    found = {what: prices.prices[name] for what, name in seconds.items()}
    return {
        f"EMR_{what}_SECOND_USD": f"{(price.usd / price.per).quantize(DIGITS):f}"
        for what, price in found.items()
    }
