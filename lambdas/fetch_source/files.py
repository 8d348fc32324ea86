"""One call of a fetch of files: what is new is delivered as it is, the oldest first, each version once.

A file counts as delivered once landing has it whole and the table remembers its version. Its key in landing is made of
that version, so that a call that was killed in between finds it there. Of a large file the parts that landing has are
written down one by one, and the next call goes on after them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from urllib.parse import quote

from lambdas.fetch_source.call import RESERVE_MILLIS, Answer, Call
from lambdas.fetch_source.landing import PART_BYTES, UploadLost
from pipeline.ledger.entries import timestamp
from sources.errors import FileChanged, FileRefused, SourceFailed, TryLater
from sources.fetches import FilesSeen, Upload
from sources.files import MOST_AT_ONCE, RemoteFile, RemoteFiles, oldest, plain_name

MOST_REFUSED = 20  # then the source is wrong rather than a file
MOST_NAMED = 3  # of the refused ones, in a message
# All metadata of an object may have 2 KB. Source: S3 user guide, "Working with object metadata".
LONGEST_PLACE = 1000


class TimeIsUp(Exception):
    """The call must end; the next one goes on."""


@dataclass(kw_only=True)
class FilesCall(Call):
    """A call that delivers files. `left` are those that the next fetch takes, with the reason, by path.

    `quiet` are versions by path that did not change for as long as the description asks. `has_moved` is whether this
    call got on, so that one whose time is up may say that there is more.
    """

    remote: RemoteFiles
    left: dict[str, str] = field(default_factory=dict)
    quiet: dict[str, str] = field(default_factory=dict)
    has_moved: bool = False

    def run(self) -> Answer:
        """Deliver what is new, or as much of it as there is time for."""
        while True:
            try:
                return self._deliver_all()
            except TimeIsUp:
                return self.later(0)
            except UploadLost as lost:
                self._note(dataclasses.replace(self.fetch.files, upload=None))
                later = TryLater(str(lost))
            except TryLater as error:
                later = error
            if (answer := self.patient(later)) is not None:
                return answer

    def _deliver_all(self) -> Answer:
        if self.fetch.files.upload is not None:
            self._take(self.fetch.files.upload.file)
        while True:
            files = self._new()
            for file in self._settled(files):
                self._take(file)
            if len(files) < MOST_AT_ONCE:
                return self._finished()

    def _new(self) -> list[RemoteFile]:
        """The oldest files of which this version was never delivered, and that are neither left nor refused."""
        passed = self.left.keys() | dict(self.fetch.files.refused).keys()
        listed = (file for file in self.remote.listed() if file.path not in passed)
        done: list[RemoteFile] = []
        new = oldest(self._unknown(listed, done), MOST_AT_ONCE)
        self.fetch = dataclasses.replace(self.fetch, requests=self.fetch.requests + 1)
        if self.time_is_up() and not self.has_moved:
            raise SourceFailed(
                "its list takes longer than a call has; describe a narrower place, or have old files removed from it"
            )
        for file in done:
            self._put_away(file)
        return new

    def _unknown(self, files: Iterable[RemoteFile], done: list[RemoteFile]) -> Iterator[RemoteFile]:
        """The new ones of `files`; `done` gets those that were delivered and should have been put away."""
        for file, is_new in self.around.ledger.told_apart(files):
            if is_new:
                yield file
            elif self.remote.puts_away and len(done) < MOST_AT_ONCE:
                done.append(file)

    def _settled(self, files: list[RemoteFile]) -> list[RemoteFile]:
        """Those that are still as they were after a while; nobody writes to them any more."""
        quiet = self.remote.quiet_seconds
        if not quiet or all(self.quiet.get(file.path) == file.version for file in files):
            return files
        if self.around.millis_left() < RESERVE_MILLIS + quiet * 1000:
            raise TimeIsUp
        self.around.pause(quiet)
        self.quiet = {file.path: file.version for file in self.remote.listed()}
        settled = [file for file in files if self.quiet.get(file.path) == file.version]
        for file in files:
            if self.quiet.get(file.path) != file.version:
                self.left[file.path] = f"{file.path!r} is still written to, or has vanished"
        return settled

    def _take(self, file: RemoteFile) -> None:
        """Deliver one file, or note why not."""
        try:
            key = self._deliver(file)
        except FileChanged as changed:
            self._drop_upload()
            self.left[file.path] = str(changed)
            self.log.info("a file is left for the next fetch", detail=str(changed))
            return
        except FileRefused as refused:
            self._drop_upload()
            self._refuse(file, str(refused))
            return
        around = self.around
        around.ledger.remember(
            file, fetch_id=self.fetch.fetch_id, landing_key=key, moment=timestamp(around.now())
        )
        delivered = self.fetch.files.delivered + 1
        self._got_on(dataclasses.replace(self.fetch.files, upload=None, delivered=delivered))
        self.fetch = dataclasses.replace(
            self.fetch, size_bytes=self.fetch.size_bytes + file.size_bytes
        )
        self.write()
        self.log.info("a file is delivered", detail=key, size_bytes=file.size_bytes)
        self._put_away(file)

    def _put_away(self, file: RemoteFile) -> None:
        try:
            self.remote.put_away(file)
        except FileRefused as refused:
            self._refuse(file, str(refused))

    def _deliver(self, file: RemoteFile) -> str:
        """The key under which landing has the file now."""
        key = self._key(file)
        if self.around.landing.was_delivered(key):
            return key
        self._require_size(file)
        if file.size_bytes > PART_BYTES:
            self._upload(file, key)
            return key
        self._require_time()
        content = self._part(file, 0)
        self.remote.confirm(file)
        self.around.landing.put(key, content, self._metadata(file))
        return key

    def _upload(self, file: RemoteFile, key: str) -> None:
        landing = self.around.landing
        upload = self.fetch.files.upload
        if upload is None:
            upload_id = landing.begin(key, self._metadata(file))
            upload = Upload(file=file, key=key, upload_id=upload_id)
        for start in range(len(upload.parts) * PART_BYTES, file.size_bytes, PART_BYTES):
            self._note(dataclasses.replace(self.fetch.files, upload=upload))
            self._require_time()
            content, number = self._part(file, start), len(upload.parts) + 1
            etag = landing.add_part(key, upload.upload_id, number, content)
            upload = dataclasses.replace(upload, parts=(*upload.parts, etag))
            self._got_on(dataclasses.replace(self.fetch.files, upload=upload))
            self.write()
        self.remote.confirm(file)
        landing.complete(key, upload.upload_id, upload.parts)

    def _part(self, file: RemoteFile, start: int) -> bytes:
        content = self.remote.read(file, start, PART_BYTES)
        self.has_moved = True
        self.fetch = dataclasses.replace(self.fetch, requests=self.fetch.requests + 1)
        return content

    def _drop_upload(self) -> None:
        if upload := self.fetch.files.upload:
            self.around.landing.abort(upload.key, upload.upload_id)
            self._note(dataclasses.replace(self.fetch.files, upload=None))

    def _refuse(self, file: RemoteFile, why: str) -> None:
        self.log.warning("a file cannot be fetched", detail=why)
        refused = (*self.fetch.files.refused, (file.path, why))
        self._note(dataclasses.replace(self.fetch.files, refused=refused))
        self.write()
        if len(self.fetch.files.refused) >= MOST_REFUSED:
            raise SourceFailed(self._failures())

    def _finished(self) -> Answer:
        if self.fetch.files.refused:
            raise SourceFailed(self._failures())
        detail = ", ".join(self._summary())
        if not self.fetch.files.delivered:
            return self.ended("unchanged", detail)
        return self.ended("delivered", detail)

    def _failures(self) -> str:
        refused = [why for _, why in self.fetch.files.refused]
        named = "; ".join(refused[:MOST_NAMED])
        more = f"; and {len(refused) - MOST_NAMED} more" if len(refused) > MOST_NAMED else ""
        done = self.fetch.files.delivered
        return f"{_files(len(refused))} failed: {named}{more} ({_files(done)} delivered)"

    def _summary(self) -> Iterator[str]:
        done = self.fetch.files.delivered
        if done:
            yield f"{_files(done)} below {self.around.folder}"
        else:
            yield "nothing new"
        if self.left:
            why = next(iter(self.left.values()))
            yield f"{_files(len(self.left))} left for the next fetch: {why}"

    def _require_time(self) -> None:
        if self.time_is_up():
            raise TimeIsUp

    def _require_size(self, file: RemoteFile) -> None:
        most = self.around.contract.intake.max_bytes
        if file.size_bytes > most:
            raise FileRefused(
                f"{file.path!r} has {file.size_bytes} bytes, more than the {most} that the contract takes; have it"
                " split, or raise intake.maxBytes"
            )

    def _note(self, files: FilesSeen) -> None:
        self.fetch = dataclasses.replace(self.fetch, files=files)

    def _got_on(self, files: FilesSeen) -> None:
        """Only what landing keeps ends a row of failures; a list that can be read again and again does not."""
        self.fetch = dataclasses.replace(self.fetch, files=files, failures=0)

    def _key(self, file: RemoteFile) -> str:
        name = self.around.source.name
        return f"{self.around.folder}{name}_{file.key}_{plain_name(file.name)}"

    def _metadata(self, file: RemoteFile) -> dict[str, str]:
        """Where the file came from, as metadata of the object, which must be ASCII."""
        return {
            "source": self.around.source.name,
            "fetched-from": quote(self.remote.place(file), safe=":/")[:LONGEST_PLACE],
            "fetch-id": self.fetch.fetch_id,
            "fetch-started": self.fetch.started_at,
            "source-version": file.version,
            "source-modified": file.modified_at,
            "source-bytes": str(file.size_bytes),
        }


def _files(count: int) -> str:
    return f"{count:,} file{'' if count == 1 else 's'}"
