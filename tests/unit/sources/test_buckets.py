"""A bucket as a source: each version of each object once; and how it misbehaves."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from contracts.errors import ContractInvalid, PermanentError
from lambdas.fetch_source import files, landing
from pipeline import aws_errors
from sources import buckets, model
from sources.errors import CredentialsRefused, SourceFailed, TryLater
from sources.files import RemoteFile, plain_name
from tests.bucket_server import BUCKET, OLD, PREFIX, failure
from tests.source_server import Asked, Reply
from tests.unit.lambdas.conftest import Crash, Fuse
from tests.unit.sources.fetching import BucketBench

A_DAY = timedelta(days=1)
ACCOUNT = "210987654321"
LARGE = landing.PART_BYTES * 2 + 1_000


def test_every_object_is_delivered_once_as_it_is_and_says_where_it_came_from(
    bucket: BucketBench,
) -> None:
    bucket.server.put("a.csv", "one\r\n")
    bucket.server.put("deep/er/b.csv", "two", written=OLD + A_DAY)
    answer = bucket.fetch()
    folder = "partners/source-sales_bucket/sales_records/"
    assert (answer["status"], answer["detail"]) == ("delivered", f"2 files below {folder}")
    assert bucket.names() == {"a.csv": "one\r\n", "b.csv": "two"}
    [key] = [key for key in bucket.delivered() if key.endswith("b.csv")]
    metadata = bucket.s3.head_object(Bucket="landing", Key=key)["Metadata"]
    assert metadata.pop("fetch-id").startswith("20261129T023000-")
    etag = bucket.server.objects[f"{PREFIX}deep/er/b.csv"].etag.strip('"')
    assert metadata == {
        "source": "sales_bucket",
        "fetched-from": f"s3://{BUCKET}/daily/deep/er/b.csv",
        "fetch-started": "2026-11-29T02:30:00.000000Z",
        "source-version": f"{etag} 2026-11-02T00:00:00+00:00",
        "source-modified": "2026-11-02T00:00:00+00:00",
        "source-bytes": "3",
    }
    assert bucket.fetch()["status"] == "unchanged"
    assert len(bucket.versions()) == 2
    assert [status for status, _ in bucket.noted()] == ["unchanged", "delivered"]


def test_a_new_version_is_delivered_and_an_equal_one_that_was_written_again(
    bucket: BucketBench,
) -> None:
    bucket.server.put("a.csv", "one")
    bucket.fetch()
    bucket.server.put("a.csv", "two", written=OLD + A_DAY)
    bucket.fetch()
    bucket.server.put("a.csv", "one", written=OLD + 2 * A_DAY)
    bucket.fetch()
    assert bucket.versions() == ["one", "two", "one"]


def test_the_oldest_come_first_whatever_they_are_called(
    bucket: BucketBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "MOST_AT_ONCE", 2)
    for days, name in enumerate(["e", "a", "d", "b", "c"]):
        bucket.server.put(f"{name}.csv", name, written=OLD + days * A_DAY)
    assert bucket.fetch()["status"] == "delivered"
    assert bucket.versions() == ["e", "a", "d", "b", "c"]


def test_only_what_the_description_wants_is_taken(bucket: BucketBench) -> None:
    for name in ("a.csv", "b.txt", "_SUCCESS", "c.CSV", "folder.csv/"):
        bucket.server.put(name, name)
    bucket.server.objects["other/d.csv"] = bucket.server.objects[f"{PREFIX}a.csv"]
    bucket.fetch()
    assert list(bucket.names()) == ["a.csv"]


def test_names_with_odd_characters_keep_what_a_key_may_have(bucket: BucketBench) -> None:
    names = ["ü ber.csv", "a+b%20&c.csv", 'q"\n\t.csv', "..", "x" * 300 + ".csv", "a=b;c.csv"]
    bucket.describe(files=("*",))
    for place, name in enumerate(names):
        bucket.server.put(name, str(place))
    bucket.fetch()
    expected = [
        "_ber.csv".rjust(9, "_"),
        "a_b_20_c.csv",
        "q___.csv",
        "..",
        "x" * 96 + ".csv",
        "a_b_c.csv",
    ]
    assert bucket.names() == {name: str(place) for place, name in enumerate(expected)}
    assert bucket.fetch()["status"] == "unchanged"


def test_two_objects_of_one_name_stay_two_files(bucket: BucketBench) -> None:
    bucket.server.put("north/a.csv", "n")
    bucket.server.put("south/a.csv", "s")
    bucket.fetch()
    assert sorted(bucket.delivered().values()) == ["n", "s"]


def test_an_empty_object_is_delivered_since_intake_says_what_is_wrong_with_it(
    bucket: BucketBench,
) -> None:
    bucket.server.put("a.csv", "")
    assert bucket.fetch()["status"] == "delivered"
    assert bucket.names() == {"a.csv": ""}


def test_a_long_list_is_read_page_by_page(bucket: BucketBench) -> None:
    bucket.server.page_size = 7
    for number in range(17):
        bucket.server.put(f"{number}.csv", str(number))
    assert bucket.fetch()["detail"].startswith("17 files below")
    assert sorted(map(int, bucket.versions())) == list(range(17))


def test_more_files_than_one_request_can_ask_for_are_told_apart(bucket: BucketBench) -> None:
    ledger = bucket.service().around.ledger
    listed = [
        RemoteFile(path=f"{n}.csv", size_bytes=1, modified_at="2026", version="v")
        for n in range(250)
    ]
    for file in listed[90:110]:
        ledger.remember(file, fetch_id="f", landing_key="k", moment="m")
    new = [file for file, is_new in ledger.told_apart(listed) if is_new]
    assert new == [*listed[:90], *listed[110:]]


def test_a_list_beyond_all_measure_is_one_message(
    bucket: BucketBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(buckets, "MOST_LISTED", 20)
    bucket.server.page_size = 7
    for number in range(30):
        bucket.server.put(f"{number}.csv", str(number))
    with pytest.raises(SourceFailed, match=r"has more than 20 objects; narrow bucket\.prefix"):
        bucket.fetch()


def test_a_list_that_never_ends_is_one_message(bucket: BucketBench) -> None:
    bucket.server.put("a.csv", "a")
    page = bucket.server._list

    def again(asked: Asked) -> Reply:
        reply = page(asked)
        more = b"<IsTruncated>true</IsTruncated><NextContinuationToken>x</NextContinuationToken>"
        return Reply(reply.body.replace(b"<IsTruncated>false</IsTruncated>", more))

    bucket.server._list = again  # type: ignore[method-assign]
    with pytest.raises(SourceFailed, match=r"gives the same page of its list for ever"):
        bucket.fetch()


def test_a_list_that_takes_longer_than_a_call_is_one_message(bucket: BucketBench) -> None:
    bucket.server.put("a.csv", "a")
    bucket.millis = lambda: 100_000.0
    with pytest.raises(SourceFailed, match=r"its list takes longer than a call has; describe"):
        bucket.fetch()


def short_calls() -> Callable[[], float]:
    """Each call has time for the list and two requests more."""
    left: Iterator[float] = iter([600_000.0, 600_000.0, 600_000.0, 0.0] * 100)
    return lambda: next(left)


def test_many_and_large_objects_go_on_in_the_next_call(bucket: BucketBench) -> None:
    content = bytes(n % 127 for n in range(1_001)) * (LARGE // 1_001)
    bucket.server.put("large.csv", content)
    for name in ("b", "c", "d"):
        bucket.server.put(f"{name}.csv", name, written=OLD + A_DAY)
    bucket.millis = short_calls()
    assert bucket.fetch()["status"] == "delivered"
    assert len(bucket.waits) >= 2
    assert set(bucket.names()) == {"large.csv", "b.csv", "c.csv", "d.csv"}
    [key] = [key for key in _keys(bucket) if key.endswith("large.csv")]
    assert bucket.s3.get_object(Bucket="landing", Key=key)["Body"].read() == content
    spans = [asked.headers["range"] for asked in _asked(bucket, "large.csv")]
    assert len(spans) == len(set(spans)) == 3  # no part was asked for twice


def _keys(bucket: BucketBench) -> list[str]:
    return [item["Key"] for item in bucket.s3.list_objects_v2(Bucket="landing").get("Contents", [])]


def _asked(bucket: BucketBench, name: str) -> list[Asked]:
    assert bucket.server.server
    return [each for each in bucket.server.server.asked if each.path.endswith(name)]


WRITES = 15  # of a large and a small object in one call


@pytest.mark.parametrize("writes", range(1, WRITES + 2))
def test_a_call_that_is_killed_after_any_write_loses_nothing_and_delivers_once(
    bucket: BucketBench, writes: int
) -> None:
    large = "x" * (landing.PART_BYTES + 10)
    bucket.server.put("large.csv", large)
    bucket.server.put("small.csv", "y", written=OLD + A_DAY)
    bucket.fuse.writes = writes
    crashed = 0
    try:
        answer = bucket.call("one")
    except Crash:
        crashed = 1
        bucket.fuse.writes = None
        for key in bucket.delivered():  # what intake does with what has landed
            bucket.s3.delete_object(Bucket="landing", Key=key)
        answer = bucket.call("one")
    bucket.fuse.writes = None
    assert crashed == int(writes <= WRITES)
    assert answer["status"] == "delivered"
    assert bucket.versions() == [large, "y"]
    assert bucket.call("one") == answer
    assert bucket.call("two")["status"] == "unchanged"
    assert bucket.versions() == [large, "y"]


def test_an_upload_that_was_removed_meanwhile_begins_again(bucket: BucketBench) -> None:
    bucket.server.put("large.csv", "x" * LARGE)
    bucket.fuse = Fuse(writes=3, action=lambda: _abort_all(bucket))
    assert bucket.fetch()["status"] == "delivered"
    assert bucket.versions() == ["x" * LARGE]
    assert len(bucket.pauses) == 1


def _abort_all(bucket: BucketBench) -> None:
    for upload in bucket.s3.list_multipart_uploads(Bucket="landing")["Uploads"]:
        bucket.s3.abort_multipart_upload(
            Bucket="landing", Key=upload["Key"], UploadId=upload["UploadId"]
        )


def test_a_fetch_that_is_given_up_leaves_no_upload(bucket: BucketBench) -> None:
    bucket.server.put("large.csv", "x" * LARGE)
    bucket.millis = short_calls()
    assert bucket.call("one")["status"] == "more"
    assert len(bucket.s3.list_multipart_uploads(Bucket="landing")["Uploads"]) == 1
    bucket.service().give_up("one", "no")
    assert "Uploads" not in bucket.s3.list_multipart_uploads(Bucket="landing")
    bucket.millis = lambda: 900_000.0
    assert bucket.fetch()["status"] == "delivered"


# What S3 may answer to the request for an object and passes by itself.
PASSING: dict[str, Callable[[Asked], Reply | None]] = {
    "no answer": lambda _asked: None,
    "throttled": lambda _asked: failure(503, "SlowDown"),
    "its own trouble": lambda _asked: failure(500, "InternalError"),
    "a token that has expired": lambda _asked: failure(400, "ExpiredToken"),
    "cut in the body": lambda _asked: Reply(b"x" * 1000, status=206, cut=10),
    "less than was asked for": lambda _asked: Reply(b"x", status=206),
    "more than was asked for": lambda _asked: Reply(b"x" * 4000, status=206),
}


@pytest.mark.parametrize("name", PASSING)
def test_what_passes_is_asked_for_again(bucket: BucketBench, name: str) -> None:
    content = "y" * 1000
    bucket.server.put("a.csv", content)
    key = f"{PREFIX}a.csv"
    bucket.server.broken[key] = PASSING[name]
    bucket.server.before += [lambda: None, bucket.server.broken.clear]
    assert bucket.fetch()["status"] == "delivered"
    assert bucket.names() == {"a.csv": content}
    assert bucket.pauses


def test_an_object_that_is_overwritten_between_list_and_get_is_left_for_the_next_fetch(
    bucket: BucketBench,
) -> None:
    bucket.server.put("a.csv", "one")
    bucket.server.put("b.csv", "b", written=OLD + A_DAY)
    change: Callable[[], None] = lambda: bucket.server.put("a.csv", "two", written=OLD + 2 * A_DAY)  # noqa: E731
    bucket.server.before.append(change)
    answer = bucket.fetch()
    assert answer["detail"].endswith(
        "1 file left for the next fetch: 'daily/a.csv' was overwritten since it was listed"
    )
    assert bucket.versions() == ["b"]
    bucket.fetch()
    assert bucket.versions() == ["b", "two"]


def test_a_large_object_that_is_overwritten_between_two_parts_leaves_nothing_of_either(
    bucket: BucketBench,
) -> None:
    bucket.server.put("a.csv", "x" * LARGE)
    overwrite = lambda: bucket.server.put("a.csv", "y" * LARGE, written=OLD + A_DAY)  # noqa: E731
    bucket.server.before += [lambda: None, overwrite]
    assert bucket.fetch()["status"] == "unchanged"
    assert "Uploads" not in bucket.s3.list_multipart_uploads(Bucket="landing")
    bucket.fetch()
    assert bucket.versions() == ["y" * LARGE]


def test_an_object_that_vanishes_between_list_and_get_is_none(bucket: BucketBench) -> None:
    bucket.server.put("a.csv", "one")
    bucket.server.before.append(bucket.server.objects.clear)
    answer = bucket.fetch()
    assert (answer["status"], bucket.delivered()) == ("unchanged", {})
    assert "'daily/a.csv' has vanished since it was listed" in answer["detail"]


# What an object may be that cannot be had: the answer of S3, and what is said.
REFUSED: dict[str, tuple[Reply, str]] = {
    "no permission": (
        failure(403, "AccessDenied"),
        r"'daily/a\.csv' may not be read by arn:me: its policies must allow s3:GetObject",
    ),
    "no permission for its key": (
        failure(403, "AccessDenied", "not authorized to perform: kms:Decrypt on resource"),
        r"may not be decrypted by arn:me: name the key in bucket\.key, and its policy must allow",
    ),
    "a key that is disabled": (failure(400, "KMS.DisabledException"), "may not be decrypted"),
    "in an archive": (failure(403, "InvalidObjectState"), r"is in an archive; its owner must"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_an_object_that_cannot_be_had_keeps_no_other_from_being_delivered(
    bucket: BucketBench, name: str
) -> None:
    reply, message = REFUSED[name]
    bucket.server.put("a.csv", "a")
    bucket.server.put("b.csv", "b", written=OLD + A_DAY)
    bucket.server.broken[f"{PREFIX}a.csv"] = lambda _asked: reply
    with pytest.raises(SourceFailed, match=rf"^1 file failed: .*{message}"):
        bucket.fetch()
    assert bucket.versions() == ["b"]
    [(status, detail)] = bucket.noted()
    assert status == "failed"
    assert detail.endswith("(1 file delivered)")
    bucket.server.broken.clear()
    bucket.fetch()
    assert bucket.versions() == ["b", "a"]


def test_an_object_beyond_what_the_contract_takes_is_named(bucket: BucketBench) -> None:
    bucket.most_bytes = 200
    bucket.server.put("a.csv", "a" * 201)
    bucket.server.put("b.csv", "b" * 200)
    with pytest.raises(SourceFailed, match=r"'daily/a\.csv' has 201 bytes, more than the 200"):
        bucket.fetch()
    assert bucket.versions() == ["b" * 200]


def test_after_twenty_refusals_the_source_is_wrong_rather_than_a_file(bucket: BucketBench) -> None:
    for number in range(40):
        bucket.server.put(f"{number}.csv", "x")
        bucket.server.broken[f"{PREFIX}{number}.csv"] = lambda _asked: failure(403, "AccessDenied")
    with pytest.raises(SourceFailed, match=r"^20 files failed: .*; and 17 more"):
        bucket.fetch()


def test_a_bucket_that_is_not_there_is_named(bucket: BucketBench) -> None:
    bucket.describe(name="nobody-has-it")
    with pytest.raises(SourceFailed, match=r"there is no bucket 'nobody-has-it'; correct"):
        bucket.fetch()


def test_a_bucket_that_belongs_to_somebody_else_is_refused(bucket: BucketBench) -> None:
    bucket.server.put("a.csv", "a")
    bucket.describe(account="111122223333")
    with pytest.raises(CredentialsRefused, match=r"and account 111122223333 must own it"):
        bucket.fetch()
    bucket.describe(account=ACCOUNT)
    assert bucket.fetch()["status"] == "delivered"


def test_a_list_that_may_not_be_read_is_one_message(bucket: BucketBench) -> None:
    bucket.server._list = lambda _asked: failure(403, "AccessDenied")  # type: ignore[method-assign]
    with pytest.raises(CredentialsRefused, match=r"may not be listed by arn:me: its policies must"):
        bucket.fetch()


def test_a_bucket_that_never_answers_is_given_up_with_one_message(bucket: BucketBench) -> None:
    bucket.server._list = lambda _asked: None  # type: ignore[assignment, method-assign, return-value]
    with pytest.raises(SourceFailed, match=r"gave up after 9 tries in a row; the last one: s3://"):
        bucket.fetch()
    assert bucket.waits == [32, 64, 128, 256]


def test_an_answer_that_does_not_come_is_waited_for_no_longer_than_the_limit(
    bucket: BucketBench,
) -> None:
    bucket.server.put("a.csv", "a")
    bucket.server.before.append(lambda: time.sleep(1.5))
    assert bucket.fetch()["status"] == "delivered"


def test_a_source_of_files_cannot_be_asked_since(bucket: BucketBench) -> None:
    with pytest.raises(PermanentError, match=r"has no watermark, .*; leave out --since"):
        bucket.fetch(since="2026-11-01T00:00:00+00:00")


def test_an_unexpected_answer_is_not_taken_for_another(bucket: BucketBench) -> None:
    bucket.server.put("a.csv", "a")
    bucket.server.broken[f"{PREFIX}a.csv"] = lambda _asked: failure(400, "InvalidRequest")
    with pytest.raises(Exception, match="InvalidRequest") as caught:
        bucket.fetch()
    assert aws_errors.code(caught.value) == "InvalidRequest"


class Sts:
    """Answers AssumeRole, or fails."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error, self.asked = error, dict[str, str]()

    def assume_role(self, **asked: str) -> Any:
        self.asked = asked
        if self.error:
            raise self.error
        names = ("AccessKeyId", "SecretAccessKey", "SessionToken")
        return {"Credentials": {name: name.lower() for name in names}}


class Denied(Exception):
    """What botocore raises, as far as it is read."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.response = {"Error": {"Code": kind}}


ROLE = f"arn:aws:iam::{ACCOUNT}:role/read"


def assumed(sts: Sts) -> buckets.AssumedRole:
    return buckets.AssumedRole(sts=sts, role=ROLE, external_id="id", reader="arn:me")


def test_the_role_that_another_account_gives_is_assumed_under_the_external_id() -> None:
    sts = Sts()
    assert assumed(sts).credentials("slipway-x") == {
        "aws_access_key_id": "accesskeyid",
        "aws_secret_access_key": "secretaccesskey",
        "aws_session_token": "sessiontoken",
    }
    assert sts.asked == {
        "RoleArn": ROLE,
        "RoleSessionName": "slipway-x",
        "ExternalId": "id",
    }


@pytest.mark.parametrize(
    ("kind", "error", "message"),
    [
        ("AccessDenied", CredentialsRefused, "its trust policy must name arn:me and the external"),
        ("Throttling", TryLater, "could not be assumed"),
        ("RegionDisabledException", Denied, "RegionDisabled"),
    ],
)
def test_a_role_that_cannot_be_assumed_is_told_apart(
    kind: str, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        assumed(Sts(Denied(kind))).credentials("x")


def test_a_source_may_be_elsewhere_in_an_environment() -> None:
    source = model.load("sales_bucket")
    moved = model.at(source, "s3://other-bucket/a?b#c/")
    assert isinstance(moved, model.BucketSource)
    assert (moved.bucket.name, moved.bucket.prefix) == ("other-bucket", "a?b#c/")
    assert moved.bucket.files == ("*.csv",)
    assert moved.url == "s3://other-bucket/a?b#c/"
    for url in ("https://api.example.com/v1", "s3:///x/"):
        with pytest.raises(ContractInvalid, match=r"'sales_bucket' cannot be at '.*'; expected"):
            model.at(source, url)
    with pytest.raises(ContractInvalid, match=r"'sales_api' cannot be at 's3://b/'; expected"):
        model.at(model.load("sales_api"), "s3://b/")
    assert json.loads(model.to_json(source))["bucket"]["name"] == BUCKET


@pytest.mark.parametrize(
    ("name", "plain"), [("a.csv", "a.csv"), ("ä/ö", "___"), ("x" * 150 + ".csv", "x" * 96 + ".csv")]
)
def test_a_name_in_landing_has_plain_characters_and_an_end(name: str, plain: str) -> None:
    assert plain_name(name) == plain
