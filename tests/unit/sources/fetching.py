"""Fetches of a source by the real service over a real HTTP server; AWS is in memory, and pauses are only noted."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from contracts import model as contracts
from lambdas.fetch_source.call import Answer, Surroundings
from lambdas.fetch_source.landing import Landing
from lambdas.fetch_source.service import FetchSource, Request
from sources import model, sftp
from sources.buckets import BucketFiles
from sources.client import Client
from sources.errors import SourceFailed
from sources.fetches import FetchLedger
from sources.files import RemoteFiles
from tests.bucket_server import BucketServer
from tests.sftp_server import LOOPBACK, PASSWORD, USER, SftpServer
from tests.source_server import TOKEN, Behaviour, SourceServer
from tests.unit.lambdas.conftest import Fuse, Fused

SECRET = json.dumps({"token": TOKEN})
A_DAY = timedelta(days=1)
PLENTY_MILLIS = 900_000.0
HEADER = (
    "region,country,item_type,sales_channel,order_priority,order_date,order_id,ship_date,"
    "units_sold,unit_price,unit_cost,total_revenue,total_cost,total_profit"
)


def record(number: int, **changes: Any) -> dict[str, Any]:
    """An order as the API of sources/sales_api.yaml gives it."""
    return {
        "id": number,
        "customer": {"region": "Europe", "country": "Portugal"},
        "item": {"type": "Snacks", "price": 152.58, "cost": 97.44},
        "channel": "Online",
        "priority": "C",
        "ordered_on": "5/17/2012",
        "shipped_on": "6/3/2012",
        "units": 10,
        "totals": {"revenue": 1525.8, "cost": 974.4, "profit": 551.4},
        "changed_at": "2026-11-01T00:00:00Z",
        **changes,
    }


def line(number: int) -> str:
    """What becomes of `record(number)` in the file."""
    return (
        f"Europe,Portugal,Snacks,Online,C,5/17/2012,{number},6/3/2012,"
        "10,152.58,97.44,1525.8,974.4,551.4"
    )


def lines(*numbers: int) -> str:
    return "\n".join([HEADER, *map(line, numbers)]) + "\n"


class Noted(Fused):
    """A fused client of S3 that notes in which order objects became whole: times in memory are seconds only.

    An upload that is not there is an error of S3; S3 in memory has a KeyError.
    """

    def __init__(self, real: Any, fuse: Fuse, landed: list[str]) -> None:
        super().__init__(real, fuse)
        self._landed = landed

    def __getattr__(self, name: str) -> Any:
        call = super().__getattr__(name)
        if name not in ("put_object", "upload_part", "complete_multipart_upload"):
            return call

        def noting(**kwargs: Any) -> Any:
            self._landed.append(kwargs["Key"])
            try:
                return call(**kwargs)
            except KeyError as error:
                raise ClientError({"Error": {"Code": "NoSuchUpload"}}, name) from error

        return noting


@dataclass
class Bench:
    """One source, the server that it is at, and what was delivered. Time goes on by pauses, and a day per fetch."""

    server: SourceServer
    s3: Any
    table: Any
    source: model.Source = field(default_factory=lambda: model.load("sales_api"))
    url: str = ""
    secret: str = SECRET
    loopback: bool = True
    shows_answers: bool = True
    moment: datetime = datetime(2026, 11, 29, 2, 30, tzinfo=UTC)
    pauses: list[float] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    fuse: Fuse = field(default_factory=Fuse)
    millis: Callable[[], float] = lambda: PLENTY_MILLIS
    most_bytes: int | None = None
    executions: int = 0
    landed: list[str] = field(default_factory=list)

    def http(self, **changes: Any) -> None:
        """Describe the API otherwise."""
        self.source = dataclasses.replace(
            self.source, http=dataclasses.replace(self.source.http, **changes)
        )

    def behave(self, *behaviours: Behaviour) -> None:
        """What the server does first, request by request."""
        self.server.script += behaviours

    def call(self, execution: str, since: str | None = None) -> Answer:
        """One call of the function."""
        return self.service().step(Request(execution=execution, since=since))

    def fetch(self, since: str | None = None, execution: str | None = None) -> Answer:
        """Calls as the state machine makes them, until the fetch ends. Raises SourceFailed after it was given up."""
        self.executions += 1
        name = execution or f"execution-{self.executions}"
        try:
            while (answer := self.call(name, since))["status"] == "more":
                self.waits.append(answer["wait_seconds"])
                self._pass(answer["wait_seconds"])
        except SourceFailed as error:
            self.service().give_up(name, str(error))
            raise
        finally:
            self.moment += A_DAY
        return answer

    def service(self) -> FetchSource:
        contract = contracts.load(self.source.dataset)
        if self.most_bytes is not None:
            intake = dataclasses.replace(contract.intake, max_bytes=self.most_bytes)
            contract = dataclasses.replace(contract, intake=intake)
        around = Surroundings(
            source=self.source,
            contract=contract,
            ledger=FetchLedger(table=Fused(self.table, self.fuse), source=self.source.name),
            landing=Landing(s3=Noted(self.s3, self.fuse, self.landed), bucket="landing"),
            now=lambda: self.moment,
            pause=self._pause,
            millis_left=self.millis,
        )
        return FetchSource(around=around, client=self.asker())

    def asker(self) -> Client | RemoteFiles:
        """What asks the source."""
        return Client(
            source=self.source,
            url=self.url or self.server.url,
            loopback=self.loopback,
            shows_answers=self.shows_answers,
            read_secret=lambda _name: self.secret,
            now=lambda: self.moment,
            pause=self._pass,
        )

    def delivered(self) -> dict[str, str]:
        """Every file that intake would be told of, by key."""
        return dict(self._objects("partners/"))

    def only(self) -> str:
        """The content of the one file that was delivered."""
        [content] = self.delivered().values()
        return content

    def noted(self) -> list[tuple[str, str]]:
        """(status, detail) of the fetches, the newest first."""
        items = FetchLedger(table=self.table, source=self.source.name).newest(10)
        return [(item["status"], item["detail"]) for item in items]

    def names(self) -> dict[str, str]:
        """Every file that was delivered, by the name that it had at its source."""
        return {key.rpartition("/")[2].split("_", 3)[3]: c for key, c in self.delivered().items()}

    def versions(self) -> list[str]:
        """The content of each version that ever landed, in the order in which they did."""
        listed = self.s3.list_object_versions(Bucket="landing", Prefix="partners/")
        named = sorted(listed.get("Versions", []), key=lambda item: self.landed.index(item["Key"]))
        return [
            self.s3.get_object(Bucket="landing", Key=item["Key"], VersionId=item["VersionId"])[
                "Body"
            ]
            .read()
            .decode()
            for item in named
        ]

    def _objects(self, prefix: str) -> Iterator[tuple[str, str]]:
        for item in self.s3.list_objects_v2(Bucket="landing", Prefix=prefix).get("Contents", []):
            content = self.s3.get_object(Bucket="landing", Key=item["Key"])["Body"].read()
            yield item["Key"], content.decode()

    def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self._pass(seconds)

    def _pass(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


@dataclass
class SftpBench(Bench):
    """The source is a folder of an SFTP server."""

    server: SftpServer
    source: model.SftpSource = field(default_factory=lambda: model.load("sales_sftp"))
    secret: str = json.dumps({"username": USER, "password": PASSWORD})
    limits: sftp.Limits = field(default_factory=lambda: sftp.Limits(answer_seconds=2))

    def __post_init__(self) -> None:
        self.describe(host=LOOPBACK, port=self.server.port)

    def describe(self, **changes: Any) -> None:
        """Describe the server otherwise."""
        server = dataclasses.replace(self.source.sftp, **changes)
        self.source = dataclasses.replace(self.source, sftp=server)

    def asker(self) -> RemoteFiles:
        return sftp.SftpFiles(
            server=self.source.sftp,
            loopback=self.loopback,
            read_secret=lambda _name: self.secret,
            limits=self.limits,
        )


@dataclass
class BucketBench(Bench):
    """The source is a bucket."""

    server: BucketServer
    source: model.BucketSource = field(default_factory=lambda: model.load("sales_bucket"))

    def describe(self, **changes: Any) -> None:
        """Describe the bucket otherwise."""
        bucket = dataclasses.replace(self.source.bucket, **changes)
        self.source = dataclasses.replace(self.source, bucket=bucket)

    def asker(self) -> RemoteFiles:
        return BucketFiles(bucket=self.source.bucket, connect=self.server.client, reader="arn:me")
