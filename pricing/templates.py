"""What the synthesized templates say that decides a price: resources by type, engines and their limits."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any

from contracts.errors import PermanentError
from pipeline.costs import DPU_PER_WORKER, WORKER_VCPUS

SUFFIX = ".template.json"
FREE_DISK_GB = (
    20  # of each worker. Source: EMR Serverless API reference, JobRun billedResourceUtilization
)
WRITTEN_BACK = (
    "WriteBackDatasets"  # substitution of the machine of write-backs: datasets, joined by commas
)
PRICED_INSTANCE = "ml.m5.large"  # that prices.yaml has
MINUTES_OF_A_MONTH = 730 * 60
MARTS = "MartsOfDatasets"  # substitution of the machine of marts: dataset/mart, joined by commas


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One resource: the name of its stack, its logical id, and its properties as CloudFormation has them."""

    stack: str
    logical_id: str
    type: str
    properties: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Templates:
    """All resources of one environment."""

    resources: tuple[Resource, ...]

    def of_type(self, resource_type: str) -> Iterator[Resource]:
        """The resources of a type."""
        return (each for each in self.resources if each.type == resource_type)

    @cached_property
    def types(self) -> tuple[str, ...]:
        """Every type that occurs, sorted."""
        return tuple(sorted({each.type for each in self.resources}))

    @property
    def environment(self) -> str:
        """The environment that the stacks are tagged with; `?` if none says so."""
        for resource in self.resources:
            tags = resource.properties.get("Tags")
            for tag in tags if isinstance(tags, list) else ():
                if tag.get("Key") == "environment":
                    return str(tag["Value"])
        return "?"

    @property
    def spark_worker_dpus(self) -> Decimal:
        """Data processing units of one worker of the load; 1 when there is no job."""
        job = next(self.of_type("AWS::Glue::Job"), None)
        kind = job.properties.get("WorkerType", "G.1X") if job else "G.1X"
        return Decimal(str(DPU_PER_WORKER[kind]))

    @property
    def duckdb_memory_gib(self) -> Decimal:
        """Memory of a function for small batches; 0 when there is none."""
        function = self._function("load_small_batch")
        megabytes = function.properties["MemorySize"] if function else 0
        return Decimal(str(megabytes)) / 1024

    @property
    def duckdb_limits(self) -> tuple[int, int]:
        """Most rows and most megabytes of a run that goes to DuckDB; zeros when none does."""
        function = self._function("claim_batch")
        variables = function.properties["Environment"]["Variables"] if function else {}
        return int(variables.get("DUCKDB_MAX_ROWS", 0)), int(
            variables.get("DUCKDB_MAX_MEGABYTES", 0)
        )

    @property
    def emr_limits(self) -> tuple[int, int] | None:
        """Rows and megabytes above which a run goes to EMR Serverless; None when there is none."""
        function = self._function("claim_batch")
        variables = function.properties["Environment"]["Variables"] if function else {}
        if "EMR_ABOVE_ROWS" not in variables:
            return None
        return int(variables["EMR_ABOVE_ROWS"]), int(variables["EMR_ABOVE_MEGABYTES"])

    @property
    def emr_billed_disk_gb(self) -> Decimal:
        """Disk of a worker of EMR Serverless that is billed: what it has beyond 20 GB."""
        application = next(self.of_type("AWS::EMRServerless::Application"), None)
        if application is None:
            return Decimal(0)
        most = application.properties["MaximumCapacity"]
        workers = _number(most["Cpu"]) / WORKER_VCPUS
        return max(_number(most["Disk"]) / workers - FREE_DISK_GB, Decimal(0))

    @cached_property
    def marts_by_dataset(self) -> dict[str, int]:
        """How many marts are computed after each run of a dataset (stacks/marts.py)."""
        given = (
            each.properties.get("DefinitionSubstitutions", {}).get(MARTS, "")
            for each in self.of_type("AWS::StepFunctions::StateMachine")
        )
        pairs = [pair for text in given for pair in text.split(",") if pair]
        return dict(Counter(pair.partition("/")[0] for pair in pairs))

    @cached_property
    def written_back(self) -> tuple[str, ...]:
        """Datasets whose table is written to the internal database after each run (stacks/database.py)."""
        given = (
            each.properties.get("DefinitionSubstitutions", {}).get(WRITTEN_BACK, "")
            for each in self.of_type("AWS::StepFunctions::StateMachine")
        )
        return tuple(name for text in given for name in text.split(",") if name)

    @property
    def database_instance_class(self) -> str | None:
        """The class of the internal database's instance; None if it is Aurora, or there is none."""
        instances = self.of_type("AWS::RDS::DBInstance")
        classes = [str(each.properties["DBInstanceClass"]) for each in instances]
        return next((each for each in classes if each != "db.serverless"), None)

    @cached_property
    def most_trainings(self) -> dict[str, int]:
        """How often a month at most a model is trained after runs of a dataset (stacks/forecast_training.py)."""
        return {
            dataset: MINUTES_OF_A_MONTH * 60 // int(given["TrainingSeconds"])
            for given in self._trainings
            for dataset in given["ForecastDatasets"].split(",")
        }

    @property
    def features_above_megabytes(self) -> int | None:
        """Size of tables above which Spark makes the features of a training; None where none is trained."""
        function = self._function("train_forecast")
        variables = function.properties["Environment"]["Variables"] if function else {}
        above = variables.get("SPARK_ABOVE_MEGABYTES")
        return None if above is None else int(above)

    @property
    def instance_without_price(self) -> str | None:
        """The instance type of trainings, if prices.yaml has none for it."""
        types = [str(given["InstanceType"]) for given in self._trainings]
        return next((each for each in types if each != PRICED_INSTANCE), None)

    @property
    def _trainings(self) -> list[Mapping[str, Any]]:
        machines = self.of_type("AWS::StepFunctions::StateMachine")
        given = (each.properties.get("DefinitionSubstitutions", {}) for each in machines)
        return [each for each in given if "TrainForecastFunctionArn" in each]

    def _function(self, name: str) -> Resource | None:
        handler = f"lambdas.{name}."
        functions = self.of_type("AWS::Lambda::Function")
        return next(
            (each for each in functions if each.properties["Handler"].startswith(handler)), None
        )


def read(place: Path) -> Templates:
    """The templates in an assembly (a directory, as `cdk synth` writes it), or the one in a file.

    Raises PermanentError when there is none, or when something there is no template.
    """
    files = sorted(place.glob(f"*{SUFFIX}")) if place.is_dir() else [place]
    if not files or not files[0].is_file():
        raise PermanentError(
            f"{place} is no template and holds none (*{SUFFIX}); `npx cdk synth -c environment=...` writes cdk.out"
        )
    return Templates(resources=tuple(each for file in files for each in _resources(file)))


def _number(quantity: str) -> Decimal:
    """The number of a quantity such as `100 vCPU`."""
    return Decimal(quantity.partition(" ")[0])


def _resources(file: Path) -> Iterator[Resource]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))["Resources"].items()
    except (json.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise PermanentError(
            f"{file} is no CloudFormation template in JSON: {error!r}; name what `cdk synth` wrote"
        ) from error
    for logical_id, resource in found:
        yield Resource(
            stack=file.name.removesuffix(SUFFIX),
            logical_id=logical_id,
            type=resource["Type"],
            properties=resource.get("Properties", {}),
        )
