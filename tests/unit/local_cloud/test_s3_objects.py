"""Objects of a bucket can be listed while other threads add and remove some."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from ministack.core.responses import AccountScopedDict
from ministack.services import s3, transfer

from local_cloud.adapters import s3_objects
from local_cloud.settings import ACCOUNT

BUCKET = "landing"
OBJECTS = 2_000


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """A bucket made as the emulator makes one."""
    monkeypatch.setattr(s3, "_buckets", AccountScopedDict())
    s3_objects.install()
    s3._buckets[BUCKET] = {"objects": {}}
    return dict(s3._buckets[BUCKET])


@pytest.fixture
def busy(bucket: dict[str, object]) -> Iterator[None]:
    """The bucket grows and shrinks all the time."""
    objects, done = bucket["objects"], threading.Event()
    assert isinstance(objects, s3_objects.Objects)
    objects.update({f"still/{number}": {} for number in range(OBJECTS)})

    def change() -> None:
        while not done.is_set():
            for number in range(50):
                objects[f"moving/{number}"] = {}
            for number in range(50):
                del objects[f"moving/{number}"]

    worker = threading.Thread(target=change)
    worker.start()
    yield
    done.set()
    worker.join()


@pytest.mark.usefixtures("busy")
def test_a_listing_that_meets_changes_is_whole(bucket: dict[str, object]) -> None:
    objects = bucket["objects"]
    for _ in range(300):
        assert len(transfer._sftp_s3_list_keys(ACCOUNT, BUCKET, "still/")) == OBJECTS
        assert isinstance(objects, s3_objects.Objects)
        assert len({key for key in objects if key.startswith("still/")}) == OBJECTS
        assert sum(key.startswith("still/") for key, _ in objects.items()) == OBJECTS
        assert sum(value == {} for value in objects.values()) >= OBJECTS
