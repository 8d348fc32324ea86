"""A bucket's objects may be listed while they change: SFTP sessions, jobs and functions work at the same time.

The emulator keeps them in a plain dict, and some of its listings (`stat` over SFTP, ListObjectsV2) walk it live: with a
thousand files in flight one failed with "dictionary changed size during iteration". Here a walk goes over the objects
as they were when it began: making a list of a dict's items is one step under the interpreter's lock.
"""

from __future__ import annotations

from _collections_abc import dict_items, dict_keys, dict_values
from collections.abc import Iterator
from typing import Any

from local_cloud.patching import original

S3 = "ministack.services.s3"


def install() -> None:
    """Make every bucket that is created from now on one that can be walked."""
    buckets = original(S3, "_buckets")
    buckets._data = Buckets(buckets._data)


class Objects(dict[str, Any]):
    """The objects of one bucket."""

    def __iter__(self) -> Iterator[str]:
        """Keys as they are now."""
        return iter(self._now())

    def keys(self) -> dict_keys[str, Any]:
        """Keys as they are now."""
        return self._now().keys()

    def values(self) -> dict_values[str, Any]:
        """Objects as they are now."""
        return self._now().values()

    def items(self) -> dict_items[str, Any]:
        """Both as they are now."""
        return self._now().items()

    def _now(self) -> dict[str, Any]:
        return dict(list(super().items()))


class Buckets(dict[Any, Any]):
    """All buckets, each a dict with its `objects`."""

    def __setitem__(self, key: Any, bucket: Any) -> None:
        """Keep a bucket."""
        super().__setitem__(key, _walkable(bucket))

    def setdefault(self, key: Any, default: Any = None) -> Any:
        """Keep a bucket unless it is there: the one that is there then."""
        return super().setdefault(key, _walkable(default))


def _walkable(bucket: dict[str, Any]) -> dict[str, Any]:
    bucket["objects"] = Objects(bucket["objects"])
    return bucket
