"""What a stated or measured month adds: engines by seconds, storage by size, the rest by run and by file.

Engine seconds are measured where a run ledger is at hand. Else they are arithmetic over rates of prices.yaml, as
ranges: nobody has timed these jobs on AWS.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from pipeline.costs import WORKER_MEMORY_GB, WORKER_VCPUS
from pipeline.engines import Engine
from pricing.estimate import Line, Range, Ruler
from pricing.templates import Templates
from pricing.volume import DatasetVolume, Volume

MEGABYTES_OF_A_GIGABYTE = 1000
AWAKE = "internal database while awake"
JOBS_OF_A_RUN = 2
STEPS_OF_A_TRAINING = 3  # of its function: features, gate, publication
FEATURES = "features of trainings of large tables"


def lines(ruler: Ruler, templates: Templates, volume: Volume) -> Iterator[Line]:
    """Every line that volume drives, dataset by dataset, then what people ask."""
    for name, month in sorted(volume.datasets.items()):
        yield from _engines(ruler, templates, name, month)
        yield from _marts(ruler, templates, name, month)
        yield from _write_backs(ruler, templates, name, month)
        yield from _trainings(ruler, templates, name, month)
        yield from _by_run_and_file(ruler, name, month)
        yield from _by_size(ruler, templates, name, month)
        yield from _trail(ruler, templates, name, month)
    if volume.scanned_gigabytes:
        scanned = Range.of(volume.scanned_gigabytes)
        yield ruler.volume("scanned_gigabyte", "Athena queries", scanned)
    if volume.warehouse_rpu_hours and "AWS::RedshiftServerless::Workgroup" in templates.types:
        hours = Range.of(volume.warehouse_rpu_hours)
        yield ruler.volume("rpu_hour", "warehouse while it computes", hours)


def engine_of(templates: Templates, month: DatasetVolume) -> Engine:
    """The engine of a run of average size, as ClaimBatch chooses it."""
    rows, megabytes = month.rows / month.runs, month.megabytes / month.runs
    if (above := templates.emr_limits) and (rows > above[0] or megabytes > above[1]):
        return "emr"
    most_rows, most_megabytes = templates.duckdb_limits
    return "duckdb" if rows <= most_rows and megabytes <= most_megabytes else "spark"


def _engines(
    ruler: Ruler, templates: Templates, dataset: str, month: DatasetVolume
) -> Iterator[Line]:
    seconds = _worker_seconds(ruler, templates, month)
    if spark := seconds.get("spark"):
        dpus = spark.times(templates.spark_worker_dpus)
        yield ruler.volume("dpu_second", "Spark jobs of runs", dpus, dataset=dataset)
    if emr := seconds.get("emr"):
        yield from _emr(ruler, templates, dataset, emr)
    if duckdb := seconds.get("duckdb"):
        memory = duckdb.times(templates.duckdb_memory_gib)
        yield ruler.volume("gib_second", "DuckDB functions of runs", memory, dataset=dataset)


def _emr(ruler: Ruler, templates: Templates, dataset: str, workers: Range) -> Iterator[Line]:
    """Seconds of workers as what EMR Serverless bills of each: processors, memory, and disk beyond 20 GB."""
    of_a_worker = {
        "emr_vcpu_second": Decimal(WORKER_VCPUS),
        "emr_gb_second": Decimal(WORKER_MEMORY_GB),
        "emr_disk_gb_second": templates.emr_billed_disk_gb,
    }
    for price, quantity in of_a_worker.items():
        yield ruler.volume(price, "EMR Serverless", workers.times(quantity), dataset=dataset)


def _marts(
    ruler: Ruler, templates: Templates, dataset: str, month: DatasetVolume
) -> Iterator[Line]:
    """What is computed after each run; a mart of several datasets after the runs of each."""
    if number := month.runs * templates.marts_by_dataset.get(dataset, 0):
        seconds = ruler.rate("duckdb_worker_seconds_by_job").times(number)
        memory = seconds.times(templates.duckdb_memory_gib)
        yield ruler.volume("gib_second", "marts after runs", memory, dataset=dataset)
        transitions = ruler.rate("transitions_by_mart_run").times(number)
        yield ruler.volume("state_transition", "marts after runs", transitions, dataset=dataset)


def _write_backs(
    ruler: Ruler, templates: Templates, dataset: str, month: DatasetVolume
) -> Iterator[Line]:
    """Each run of a marked dataset wakes the internal database, which sleeps again after its pause."""
    if dataset not in templates.written_back:
        return
    instance = templates.database_instance_class
    if instance:
        hours = ruler.rate("hours_of_an_instance_by_write_back").times(month.runs)
        yield ruler.volume(f"{instance}_hour", AWAKE, hours, dataset=dataset)
    else:
        awake = ruler.rate("seconds_awake_by_write_back").times(month.runs / Decimal(3600))
        acus = ruler.rate("acus_while_awake")
        hours = Range(low=awake.low * acus.low, high=awake.high * acus.high)
        yield ruler.volume("acu_hour", AWAKE, hours, dataset=dataset)
    seconds = ruler.rate("duckdb_worker_seconds_by_job").times(month.runs)
    memory = seconds.times(templates.duckdb_memory_gib)
    yield ruler.volume("gib_second", "write-backs after runs", memory, dataset=dataset)
    rate = "transitions_by_write_back" + ("_of_an_instance" if instance else "")
    transitions = ruler.rate(rate).times(month.runs)
    yield ruler.volume("state_transition", "write-backs after runs", transitions, dataset=dataset)
    if month.stored_gigabytes is not None and not instance:  # whose storage is idle cost
        stored = Range.of(month.stored_gigabytes)
        yield ruler.volume("database_gigabyte", "tables written back", stored, dataset=dataset)


def _trainings(
    ruler: Ruler, templates: Templates, dataset: str, month: DatasetVolume
) -> Iterator[Line]:
    """A model after each run, but no more than begin in a month; none of an instance that has no price here."""
    number = min(month.runs, Decimal(templates.most_trainings.get(dataset, 0)))
    if not number:
        return
    what = "trainings of models"
    if templates.instance_without_price is None:
        seconds = ruler.rate("training_instance_seconds_by_training").times(number)
        yield ruler.volume("training_instance_second", what, seconds, dataset=dataset)
    if features := _features(ruler, templates, month):
        dpus = features.times(number * templates.spark_worker_dpus)
        yield ruler.volume("dpu_second", FEATURES, dpus, dataset=dataset)
    functions = ruler.rate("duckdb_worker_seconds_by_job").times(number * STEPS_OF_A_TRAINING)
    memory = functions.times(templates.duckdb_memory_gib)
    yield ruler.volume("gib_second", what, memory, dataset=dataset)
    transitions = ruler.rate("transitions_by_training").times(number)
    yield ruler.volume("state_transition", what, transitions, dataset=dataset)


def _features(ruler: Ruler, templates: Templates, month: DatasetVolume) -> Range | None:
    """Seconds of workers by training, from none to those of a job: which tables are so large, no volume says.

    None where all that is stored of the dataset is too little for Spark.
    """
    above, stored = templates.features_above_megabytes, month.stored_gigabytes
    if above is None:
        return None
    if above and stored is not None and stored * MEGABYTES_OF_A_GIGABYTE <= above:
        return None
    job = ruler.rate("spark_worker_seconds_by_job")
    return job if not above else Range(low=Decimal(0), high=job.high)


def _worker_seconds(ruler: Ruler, templates: Templates, month: DatasetVolume) -> dict[str, Range]:
    if month.worker_seconds is not None:
        return {engine: Range.of(each) for engine, each in month.worker_seconds.items()}
    engine = engine_of(templates, month)
    jobs, gigabytes = month.runs * JOBS_OF_A_RUN, month.megabytes / MEGABYTES_OF_A_GIGABYTE
    rates = (
        "duckdb" if engine == "duckdb" else "spark"
    )  # EMR runs the same scripts, on workers like a G.1X
    work = ruler.rate(f"{rates}_worker_seconds_by_gigabyte").times(gigabytes)
    if engine == "spark":
        work = work.times(1 / templates.spark_worker_dpus)  # a larger worker does it in less time
    return {engine: ruler.rate(f"{rates}_worker_seconds_by_job").times(jobs).plus(work)}


BY_RUN = {
    "state_transition": "transitions_by_run",
    "function_gib_second": "function_gib_seconds_by_run",
    "write_unit": "writes_by_run",
    "read_unit": "reads_by_run",
    "put_request": "puts_by_run",
    "get_request": "gets_by_run",
    "key_request": "key_requests_by_run",
    "log_gigabyte": "log_gigabytes_by_run",
    "email": "emails_by_run",
}
BY_FILE = {
    "function_gib_second": "function_gib_seconds_by_file",
    "write_unit": "writes_by_file",
    "read_unit": "reads_by_file",
    "put_request": "puts_by_file",
    "key_request": "key_requests_by_file",
    "queue_request": "queue_requests_by_file",
}


def _by_run_and_file(ruler: Ruler, dataset: str, month: DatasetVolume) -> Iterator[Line]:
    for what, number, rates in (("by run", month.runs, BY_RUN), ("by file", month.files, BY_FILE)):
        for price, rate in rates.items():
            quantity = ruler.rate(rate).times(number)
            yield ruler.volume(price, what, quantity, dataset=dataset)


def _trail(
    ruler: Ruler, templates: Templates, dataset: str, month: DatasetVolume
) -> Iterator[Line]:
    """Each request on an object of a data bucket is an event of the environment's own trail."""
    if "AWS::CloudTrail::Trail" in templates.types:
        requests = (
            *((month.runs, "puts_by_run"), (month.runs, "gets_by_run")),
            (month.files, "puts_by_file"),
        )
        for number, rate in requests:
            what = "requests on objects, in the trail"
            events = ruler.rate(rate).times(number)
            yield ruler.volume("data_event", what, events, dataset=dataset)


def _by_size(
    ruler: Ruler, templates: Templates, dataset: str, month: DatasetVolume
) -> Iterator[Line]:
    if month.stored_gigabytes is not None:
        stored = Range.of(month.stored_gigabytes)
        yield ruler.volume("stored_gigabyte", "objects stored", stored, dataset=dataset)
    if "AWS::Transfer::Server" in templates.types:
        sent = Range.of(month.megabytes / Decimal(MEGABYTES_OF_A_GIGABYTE))
        yield ruler.volume("transfer_gigabyte", "files sent by SFTP", sent, dataset=dataset)
