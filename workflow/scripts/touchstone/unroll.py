"""Archives that can only be read from front to back: read once, and only what was drawn is kept.

A solid 7z or a compressed tar would otherwise be decompressed from its beginning for every take shard. The
drawn members go into one stored zip, which take shards read in place. Nobody needs it when all have.
"""

from __future__ import annotations

import hashlib
import json
import threading
import zipfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack, closing
from pathlib import Path

import pyarrow.parquet as pq

from touchstone.containers import open_container
from touchstone.containers.base import Contents
from touchstone.containers.zip import Zip
from touchstone.errors import TouchstoneError
from touchstone.files import bytes_read, read_json, replacing
from touchstone.images import BadImage
from touchstone.listing import path_of
from touchstone.progress import Progress, size
from touchstone.sources import members_by_file
from touchstone.suffixes import is_streamed

LOST = "lost.json"  # [[reason, detail, keys], ...] of members that could not be read


def unroll_origin(*, picks: list[str], receipt: str, unrolled: str, threads: int = 1, progress: Progress) -> None:
    """Copy the drawn members of the origin's streamed archives into ``unrolled``, each archive in one pass.

    Args:
        picks: All pick lists that ``draw_origin`` wrote.
        receipt: What ``fetch_origin`` wrote about the origin's files.
        unrolled: The stored zip to write; ``Unrolled`` reads it.
        threads: Compressed streams that are read at the same time: archives, and blocks of a 7z.

    Raises:
        TouchstoneError: An archive is gone or not whole.
    """
    for left in Path(unrolled).parent.glob(f".{Path(unrolled).name}.*.tmp"):
        left.unlink()  # of a run that was killed; it can be as large as all that is drawn
    files = read_json(receipt)["files"]
    columns = ["source_file", "source_member"]
    wanted = [row for path in picks for row in pq.read_table(path, columns=columns).to_pylist()]
    by_file = {name: members for name, members in members_by_file(wanted, files).items() if is_streamed(name)}
    progress.start(sum(map(len, by_file.values())), "members")
    lost: dict[str, tuple[str, str]] = {}
    before, writing, stop = bytes_read(), threading.Lock(), threading.Event()

    ration = Ration(files)

    def copy(name: str, contents: Contents) -> None:
        for member, data in contents:
            key = _key(name, member)
            with writing:
                data = ration.share(data)
                if stop.is_set():
                    return
                if isinstance(data, BadImage):
                    lost[key] = data.reason, data.detail
                else:
                    sink.writestr(zipfile.ZipInfo(key), data)
                    lost.pop(key, None)  # of a name that occurs twice the last counts
                progress.advance()

    with replacing(unrolled) as temporary, zipfile.ZipFile(temporary, "w") as sink, ExitStack() as stack:
        streams = []
        for name, members in by_file.items():
            container = stack.enter_context(closing(open_container(path_of(files, name))))
            streams += [(name, contents) for contents in container.streams(members)]
        with ThreadPoolExecutor(threads) as pool:  # decompressors let other threads run
            try:
                for done in as_completed([pool.submit(copy, *stream) for stream in streams]):
                    done.result()
            except BaseException:
                stop.set()
                raise
        reasons: dict[tuple[str, str], list[str]] = {}
        for key, why in lost.items():
            reasons.setdefault(why, []).append(key)
        sink.writestr(zipfile.ZipInfo(LOST), json.dumps([[*why, keys] for why, keys in reasons.items()]))
    progress.finish(f"{size(bytes_read() - before)} read")


class Ration:
    """What a job takes out of an origin's archives: a hundred times their own bytes, and a gigabyte in any case.

    Images are compressed already; what gives more is a bomb, and would fill the disk.
    """

    def __init__(self, files: list[dict]):
        self.left = max(1_000_000_000, 100 * sum(file.get("size", 0) for file in files))

    def share(self, data: bytes | BadImage) -> bytes | BadImage:
        """``data``, or its refusal if there was too much before it."""
        if isinstance(data, BadImage):
            return data
        self.left -= len(data)
        return data if self.left >= 0 else BadImage("too_many_bytes", "its archive holds a hundred times its own bytes")


class Unrolled:
    """Members of one archive out of what ``unroll_origin`` wrote; read like a container."""

    def __init__(self, path: str, file: str):
        self.path, self.file = path, file
        self.zip = Zip(Path(path))
        self.lost = {key: (reason, detail) for reason, detail, keys in json.loads(self.zip.read(LOST)) for key in keys}

    def read_many(self, wanted: Iterable[str]) -> Contents:
        """Each wanted member with its bytes, or why the archive could not give them.

        Raises:
            TouchstoneError: Nobody asked for one of them when the archive was read.
        """
        members = {_key(self.file, member): member for member in wanted}
        for key in members.keys() & self.lost.keys():
            yield members[key], BadImage(*self.lost[key])
        for key, data in self.zip.read_many(key for key in members if key not in self.lost):
            if isinstance(data, BadImage):
                raise TouchstoneError(
                    f"{members[key]!r} of {self.file} cannot be had from it: {data}",
                    where=self.path,
                    mend=f"it is damaged, or of another draw; delete it and run again: rm {self.path}",
                )
            yield members[key], data

    def read(self, member: str) -> bytes:
        """One member; raises what ``read_many`` raises, and ``BadImage`` for why the archive could not give it."""
        ((_, data),) = self.read_many([member])
        if isinstance(data, BadImage):
            raise data
        return data

    def close(self) -> None:
        self.zip.close()


def _key(file: str, member: str) -> str:
    """A name that is short and safe, whatever the member is called."""
    return hashlib.blake2b(f"{file}\0{member}".encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
