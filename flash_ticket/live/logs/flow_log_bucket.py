"""Flow logs in Amazon S3, read in batches, so that neither the disk nor the memory must hold them all.

This needs the rights s3:ListBucket on the bucket and s3:GetObject on the objects under the prefix. If a key encrypts
the bucket, it also needs kms:Decrypt on that key.
"""

import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from botocore.exceptions import IncompleteReadError

from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.live.aws_account import AwsAccount
from flash_ticket.live.aws_refusal import RefusedError, explained_refusals, patiently
from flash_ticket.live.progress import Progress
from flash_ticket.traffic.flow_logs.faults import FileFaults
from flash_ticket.traffic.flow_logs.files import FlowLogFiles, FlowLogForm
from flash_ticket.traffic.flow_logs.layout import PARQUET_ENDING, TEXT_ENDINGS, Window, is_of_others
from flash_ticket.traffic.records.record import Reading, Record, Scope

BATCH_BYTES: Final = 256 << 20
"""The size of a batch on the disk. One more file of AWS, at most 75 MB, may come on top."""

BATCH_FILES: Final = 1000
_DOWNLOADS = 8
_CHUNK_BYTES = 1 << 20

_TOLD = {
    "NoSuchBucket": ("there is no such bucket", "Correct its name"),
    "NoSuchKey": (
        "it was deleted while the others were read",
        "Run it again, or ask for a time that the bucket still keeps (--since)",
    ),
    "InvalidObjectState": ("it is archived", "Restore it, or ask for a later time (--since)"),
}


@dataclass(frozen=True, slots=True)
class _Object:
    """An object of the bucket."""

    key: str
    size: int

    @property
    def form(self) -> FlowLogForm | None:
        if self.key.endswith(PARQUET_ENDING):
            return FlowLogForm.PARQUET
        return FlowLogForm.TEXT if self.key.endswith(TEXT_ENDINGS) else None


@dataclass(frozen=True, slots=True)
class FlowLogBucket:
    """Flow logs under a prefix of a bucket.

    Implements ``flash_ticket.traffic.records.record.Log``.

    Attributes:
        prefix: The folder above ``AWSLogs``, or any folder or file in it. Empty means the whole bucket.
    """

    account: AwsAccount
    bucket: str
    prefix: str
    progress: Progress = field(default_factory=Progress)

    @property
    def name(self) -> str:
        """Return ``s3://bucket/prefix``."""
        return self._uri(self.prefix)

    def records(self, scope: Scope, reading: Reading) -> Iterator[Record]:
        """Yield the records from the files of the time. A private folder holds each batch while this reads it.

        Raises:
            InputError: The bucket does not exist or has no files of the time, a right is missing, or a file vanishes.
        """
        found, faults = False, FileFaults(self.name)
        try:
            for batch in _batches(self._wanted(Window(scope.since, scope.until))):
                found = True
                with TemporaryDirectory(prefix="flash-firewall-") as folder:
                    yield from self._records_of(Path(folder), batch, faults, scope, reading)
        finally:
            self.progress.end()
        if not found:
            problem = "it holds no flow log files" + ("" if scope.since is None else " of the time that is asked for")
            remedy = "Name the folder above AWSLogs, or another time; files come about ten minutes after the traffic"
            raise InputError(self.name, "", problem, remedy)
        faults.tell(reading)

    def _records_of(
        self, folder: Path, batch: list[_Object], faults: FileFaults, scope: Scope, reading: Reading
    ) -> Iterator[Record]:
        """Yield the records of a batch. An error names the object in S3, not its local copy."""
        copies = dict(zip(self._fetched(folder, batch), batch, strict=True))
        for form in FlowLogForm:
            paths = tuple(path for path, each in copies.items() if each.form is form)
            try:
                yield from FlowLogFiles(self.name, paths, form).records_beside(faults, scope, reading)
            except InputError as error:
                raise replace(error, source=self._original(error.source, copies)) from None
        faults.torn = [replace(each, source=self._original(each.source, copies)) for each in faults.torn]
        reading.first_malformed = self._original(reading.first_malformed, copies)

    def _original(self, place: str, copies: dict[Path, _Object]) -> str:
        """Turn a place in a copy into the same place in its object."""
        for path, each in copies.items():
            if place == str(path) or place.startswith(f"{path}:"):
                return self._uri(each.key) + place.removeprefix(str(path))
        return place

    def _wanted(self, window: Window) -> Iterator[_Object]:
        for found in self._found(self.prefix, window):
            if found.size and found.form and window.may_hold(found.key):
                yield found

    def _found(self, prefix: str, window: Window) -> Iterator[_Object]:
        """Yield the objects under a prefix. Skip the folders of other times and other services."""
        if window.holds_all(prefix):
            for page in self._listed(prefix):
                yield from _objects(page)
            return
        for page in self._listed(prefix, Delimiter="/"):
            yield from _objects(page)
            for folder in (each["Prefix"] for each in page.get("CommonPrefixes", ())):
                # A prefix without a slash at its end is one name, not the beginning of several names.
                is_inside = not prefix or prefix.endswith("/") or folder == f"{prefix}/"
                if is_inside and window.may_hold(folder) and not is_of_others(folder):
                    yield from self._found(folder, window)

    def _listed(self, prefix: str, **arguments: str) -> Iterator[dict[str, Any]]:
        token: dict[str, str] = {}
        while True:
            self.progress.say(f"listing {self._uri(prefix)}")
            try:
                ask = partial(self.account.ask, "s3", "list_objects_v2", Bucket=self.bucket, Prefix=prefix)
                page = patiently(partial(ask, **arguments, **token))
            except RefusedError as refused:
                raise self._explained(refused, self.name) from None
            yield page
            if not page.get("NextContinuationToken"):
                return
            token = {"ContinuationToken": page["NextContinuationToken"]}

    def _fetched(self, folder: Path, batch: list[_Object]) -> list[Path]:
        """Download the objects and return their paths, in the same order."""
        # Anyone may have chosen the keys. Only a harmless end of a key becomes the name of a file.
        paths = [
            folder / f"{place:04}" / re.sub(r"[^A-Za-z0-9._=-]", "_", each.key.rpartition("/")[2])[-150:]
            for place, each in enumerate(batch)
        ]
        with ThreadPoolExecutor(_DOWNLOADS) as pool:
            fetching = [pool.submit(self._fetch, each, path) for each, path in zip(batch, paths, strict=True)]
            try:
                for count, each in enumerate(fetching, 1):
                    each.result()
                    self.progress.say(f"{self.name}: {count} of {len(batch)} files, to {batch[count - 1].key}")
            finally:
                pool.shutdown(cancel_futures=True)
        return paths

    def _fetch(self, wanted: _Object, path: Path) -> None:
        where = self._uri(wanted.key)
        path.parent.mkdir()
        try:
            answer = patiently(partial(self.account.ask, "s3", "get_object", Bucket=self.bucket, Key=wanted.key))
            with closing(answer["Body"]) as body, path.open("wb") as file, explained_refusals("s3", "get_object"):
                try:
                    for chunk in body.iter_chunks(_CHUNK_BYTES):
                        file.write(chunk)
                except IncompleteReadError:
                    raise InputError(where, "", "it ended before its last byte", "Run it again") from None
                except OSError as error:
                    problem = f"it cannot be kept in {path.parents[1]}: {error.strerror}"
                    raise InputError(where, "", problem, "Make room, or set TMPDIR to a folder with room") from None
        except RefusedError as refused:
            raise self._explained(refused, where) from None

    def _explained(self, refused: RefusedError, where: str) -> InputError:
        """Return the refusal with the name of the bucket or object, and with the missing right."""
        if refused.key == "credentials":
            return replace(refused, source=where)
        if refused.code in _TOLD:
            return InputError(where, "", *_TOLD[refused.code])
        said = f"{refused.code}: {refused.message}"
        if refused.forbids and "kms:" in refused.message.lower():
            remedy = "Allow kms:Decrypt on the bucket's key to this identity, in its policy or the key's"
            return InputError(where, "", f"its key may not be used ({said})", remedy)
        if refused.forbids:
            listing = refused.key.startswith("s3:List")
            right = (
                f"s3:ListBucket on arn:aws:s3:::{self.bucket}"
                if listing
                else f"s3:GetObject on arn:aws:s3:::{self.bucket}/*"
            )
            return InputError(where, "", f"it may not be read ({said})", f"Allow {right} to this identity")
        return InputError(where, refused.key, said, refused.remedy)

    def _uri(self, key: str) -> str:
        return f"s3://{self.bucket}/{key}"


def _objects(page: dict[str, Any]) -> Iterator[_Object]:
    for each in page.get("Contents", ()):
        yield _Object(each["Key"], each["Size"])


def _batches(objects: Iterable[_Object]) -> Iterator[list[_Object]]:
    batch: list[_Object] = []
    size = 0
    for each in objects:
        if batch and (size + each.size > BATCH_BYTES or len(batch) == BATCH_FILES):
            yield batch
            batch, size = [], 0
        batch.append(each)
        size += each.size
    if batch:
        yield batch
