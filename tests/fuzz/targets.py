"""What is fuzzed: for each kind of input that comes from strangers, how it is read, and good examples to spoil.

A target is given any bytes. It returns, or raises what its reader may raise: a ``TouchstoneError``, or the stated
reason of a ``BadImage``. Anything else, more than ``MEMORY`` bytes or more than ``SECONDS`` is a defect.
"""

from __future__ import annotations

import io
import json
import struct
import tarfile
import tempfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from tests.archives import archive, parquet, saved_dataset, seven_zip, tar
from tests.building import HOME
from tests.pictures import drawing, encode

from touchstone import tables
from touchstone.annotations import read_annotations
from touchstone.catalogue import Catalogue
from touchstone.chains import decode
from touchstone.checking import load_checked
from touchstone.contact_sheets import thumbnail
from touchstone.containers import open_container
from touchstone.errors import TouchstoneError
from touchstone.files import read_json
from touchstone.image_lists import read_list
from touchstone.images import BadImage
from touchstone.listing import list_origin
from touchstone.members import read_members
from touchstone.progress import Progress
from touchstone.record import TAKEN, TAKEN_OK, empty_item, table_of
from touchstone.scraping.addresses import Blocked, refusal
from touchstone.scraping.client import encoded
from touchstone.scraping.hosts import Host
from touchstone.scraping.img2dataset import verdict
from touchstone.scraping.journal import Journal
from touchstone.scraping.opt_outs import robots_tag, robots_txt, tdm_reserved
from touchstone.shards import taken
from touchstone.web import waiting

SECONDS = 20  # for one input
MEMORY = 3_000_000_000  # bytes of address space beyond what the libraries take
CORPUS = HOME / "tests" / "corpus"  # inputs that once did harm, by target; kept small
ROOM = Path(tempfile.gettempdir())


@dataclass
class Target:
    """One kind of input.

    Attributes:
        read: Reads it; raises nothing but the errors meant for it.
        seeds: Good inputs.
        mend: Puts checksums right again in a spoilt input, so that what stands behind them is reached.
        words: What the format is made of.
    """

    read: Callable[[bytes], object]
    seeds: Callable[[], list[bytes]]
    mend: Callable[[bytes], bytes] | None = None
    words: list[bytes] = field(default_factory=list)

    def run(self, data: bytes) -> None:
        """Read ``data``, and once more with its checksums put right."""
        for each in [data, *([self.mend(data)] if self.mend else [])]:
            try:
                self.read(each)
            except (TouchstoneError, BadImage) as error:
                assert str(error).strip()  # it says something


# -- images ------------------------------------------------------------------------------------------


def read_image(data: bytes) -> None:
    """An image is measured and becomes a row; one that is taken can be used by all later steps."""
    row = taken(empty_item() | {"id": "a/b"}, data)
    table_of([row], TAKEN)
    if row["state"] == TAKEN_OK:
        thumbnail(data, 64)
        decode(data)


def pictures() -> list[bytes]:
    more = {"save_all": True, "append_images": [drawing((16, 12), seed=1)]}
    kinds = [("JPEG", {}), ("JPEG", {"progressive": True}), ("PNG", {}), ("PNG", more), ("WEBP", {}), ("WEBP", more)]
    kinds += [("GIF", more), ("BMP", {}), ("TIFF", {}), ("TIFF", {"compression": "tiff_lzw"}), ("AVIF", {}), ("MPO", more)]
    exif = drawing((16, 12)).getexif()
    exif[0x0112], exif[0x010E] = 6, "a text"
    kinds += [("JPEG", {"exif": exif, "icc_profile": b"icc" * 50, "xmp": b"<x:xmpmeta/>"}), ("PNG", {"exif": exif})]
    found = [encode(drawing((16, 12)), kind, **options) for kind, options in kinds]
    modes = [("I;16", "PNG"), ("I;16", "TIFF"), ("F", "TIFF"), ("LAB", "TIFF"), ("CMYK", "JPEG"), ("P", "GIF"), ("1", "PNG")]
    return found + [encode(drawing((16, 12), mode if mode != "I;16" else "L").convert(mode), kind) for mode, kind in modes]


def mended_image(data: bytes) -> bytes:
    """A PNG with right checksums; others have none."""
    if not data.startswith(b"\x89PNG\r\n\x1a\n"):
        return data
    made, at = bytearray(data[:8]), 8
    while at + 8 <= len(data):
        (length,) = struct.unpack_from(">L", data, at)
        body = data[at + 4 : at + 8 + length]
        made += data[at : at + 4] + body + struct.pack(">L", zlib.crc32(body))
        at += 12 + length
    return bytes(made)


# -- archives ----------------------------------------------------------------------------------------

MEMBERS = {"a.png": b"stored " * 5, "ü/b.jpg": b"deflated " * 20, "empty.png": b"", "a" * 120 + ".png": b"x" * 600}


def read_container(suffix: str, data: bytes) -> None:
    """Everything listed can be asked for, and everything asked for is answered."""
    with tempfile.TemporaryDirectory(dir=ROOM) as folder:
        path = Path(folder, f"files{suffix}")
        path.write_bytes(data)
        container = open_container(path)
        try:
            names = list(container.members())[:2000]
            found = dict(container.read_many([*names, "a.png"]))
            assert found.keys() == {*names, "a.png"}
        finally:
            container.close()


def read_saved(data: bytes) -> None:
    """The state of a saved dataset, whose one data file is whole."""
    with tempfile.TemporaryDirectory(dir=ROOM) as folder:
        path = saved_dataset(Path(folder, "saved"), [b"one", None, b"two"], files=1)
        (path / "state.json").write_bytes(data)
        container = open_container(path)
        list(container.read_many(container.members()))


def archives(kind: str) -> list[bytes]:
    with tempfile.TemporaryDirectory(dir=ROOM) as folder:
        return [archive(Path(folder), kind, MEMBERS).read_bytes()]


def tars() -> list[bytes]:
    short = {name: data for name, data in MEMBERS.items() if len(name) < 100}
    return [tar(short, tarfile.USTAR_FORMAT), tar(MEMBERS, tarfile.GNU_FORMAT), tar(MEMBERS, tarfile.PAX_FORMAT)]


def sevens() -> list[bytes]:
    return [seven_zip(MEMBERS, method) for method in ("copy", "lzma2", "lzma", "bzip2")] + [seven_zip(MEMBERS, per_block=1)]


def mended_tar(data: bytes) -> bytes:
    made = bytearray(data)
    for at in range(0, len(made) - 511, 512):
        if made[at + 257 : at + 262] == b"ustar":
            made[at + 148 : at + 156] = b"%06o\0 " % (sum(made[at : at + 148]) + sum(made[at + 156 : at + 512]) + 256)
    return bytes(made)


def mended_seven(data: bytes) -> bytes:
    """Checksums of the start and of the header, wherever the start says that it lies."""
    if len(data) < 32:
        return data
    offset, size = struct.unpack_from("<QQ", data, 12)
    made = bytearray(data)
    made[28:32] = struct.pack("<L", zlib.crc32(data[32 + offset :][:size] if size < len(data) else b""))
    made[8:12] = struct.pack("<L", zlib.crc32(made[12:32]))
    return bytes(made)


# -- tables and lists --------------------------------------------------------------------------------

ROWS = [{"id": "1", "url": "http://a.org/x.jpg", "text": 'a, "b"\nc', "nsfw": "UNLIKELY", "width": "100"}] * 3


def read_table(suffix: str, data: bytes) -> None:
    with tempfile.TemporaryDirectory(dir=ROOM) as folder:
        path = Path(folder, f"list{suffix}")
        path.write_bytes(data)
        names = ["one", "two"] if suffix == ".txt" else tables.columns_of(path)
        for row in tables.rows(path, names[:50]):
            assert all(isinstance(value, str) for value in row.values())


def read_addresses(suffix: str, data: bytes) -> None:
    """From the list to rows of the index, whose addresses are judged."""
    with tempfile.TemporaryDirectory(dir=ROOM) as folder:
        path = Path(folder, f"list{suffix}")
        path.write_bytes(data)
        receipt, index = Path(folder, "receipt.json"), Path(folder, "index.parquet")
        receipt.write_text(json.dumps({"files": [{"name": path.name, "path": str(path)}]}))
        list_origin(
            origin="mine", receipt=str(receipt), recipe={"reader": {"name": "laion", "refuse": ["NSFW"], "min_side": 10}},
            generators={}, kind="urls", licence="", index=str(index), progress=Progress("fuzz", streams=(io.StringIO(),)),
        )  # fmt: skip
        for address in pq.read_table(index)["source_url"].to_pylist():
            judge(address)


def judge(address: str) -> None:
    """All that is asked about an address; what may be fetched can be written down as it is sent."""
    Blocked(["a.org", "http://a.org/x"]).tells(address)
    if not refusal(address):
        with suppress(ValueError):  # as in Client
            str(encoded(address))


def csvs() -> list[bytes]:
    text = 'id,url,text,nsfw,width\n1,http://a.org/x.jpg,"a ""b"", c",UNLIKELY,100\n2,https://ü.de:80/?q=1#f,=1+1,,\n'
    return [text.encode(), b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode(), text.encode("utf-16")]


def jsons() -> list[bytes]:
    columns = {name: [row[name] for row in ROWS] for name in ROWS[0]}
    lines = "\n".join(json.dumps(row) for row in ROWS)
    return [json.dumps(each).encode() for each in (ROWS, columns, {"a": ROWS[0]}, ROWS[0])] + [lines.encode()]


def parquets() -> list[bytes]:
    found = []
    for options in ({}, {"compression": "zstd", "use_dictionary": False}, {"row_group_size": 1}):
        sink = io.BytesIO()
        pq.write_table(pa.Table.from_pylist(ROWS), sink, **options)
        found.append(sink.getvalue())
    return found


def arrows() -> list[bytes]:
    sink = io.BytesIO()
    table = pa.Table.from_pylist(ROWS)
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=2)
    return [sink.getvalue()]


def image_tables() -> list[bytes]:
    with tempfile.TemporaryDirectory(dir=ROOM) as folder:
        return [parquet(Path(folder, "a.parquet"), [b"one", None, b"two" * 100]).read_bytes()]


def image_arrows() -> list[bytes]:
    with tempfile.TemporaryDirectory(dir=ROOM) as folder:
        saved = saved_dataset(Path(folder, "saved"), [b"one", None, b"two" * 100], files=1)
        return [next(saved.glob("*.arrow")).read_bytes()]


def read_user_lists(data: bytes) -> None:
    """Lists that a user writes: members, images to take down, addresses that are blocked."""
    with tempfile.TemporaryDirectory(dir=ROOM) as folder:
        for name in ("list.txt", "list.csv"):
            Path(folder, name).write_bytes(data)
            quietly(partial(read_list, Path(folder, name)))
        quietly(lambda: [Blocked.read([str(Path(folder, "list.txt"))]).tells(each) for each in ("http://a.org/x", "//")])
        quietly(partial(read_annotations, Path(folder, "list.txt")))
        for form in ("ids", "annotations"):
            made = {"folder": folder, "members": str(Path(folder, "members.parquet"))}
            entry = {"file": "list.txt", "split": "train", "form": form}
            quietly(partial(read_members, lists=[entry], progress=Progress("fuzz", streams=(io.StringIO(),)), **made))


def quietly(call: Callable[[], object]) -> None:
    try:
        call()
    except TouchstoneError as error:
        assert str(error).strip()


# -- configuration and state -------------------------------------------------------------------------


def read_config(data: bytes) -> None:
    """A card, a dataset, tables of models and generators, each in the place of a good one, and what a plan asks of them."""
    with tempfile.TemporaryDirectory(dir=ROOM) as folder:
        path = Path(folder, "mine.yaml")
        path.write_bytes(data)
        for schema in ("origin", "dataset", "models", "generators", "config"):
            quietly(partial(load_checked, schema, path))
        for name in ("demo_photos", "generators", "models", "demo"):
            Path(folder, f"{name}.yaml").write_bytes(data)
            quietly(partial(plan, folder))
            Path(folder, f"{name}.yaml").unlink()


def plan(folder: str) -> None:
    settings = {"cards": [str(HOME / "config/origins"), folder], "datasets": [str(HOME / "config/datasets"), folder]}
    catalogue = Catalogue(load_checked("config", HOME / "config/config.yaml") | settings | {"dataset": "demo"}, HOME)
    for origin in catalogue.origins:
        catalogue.draw_plan(origin), catalogue.shards(origin), catalogue.lists_beside_card(origin)


def configs() -> list[bytes]:
    names = ("config.yaml", "origins/demo_photos.yaml", "origins/demo_sd.yaml", "origins/elsa_d3.yaml", "datasets/demo.yaml")
    models = yaml.safe_load((HOME / "config/origins/models.yaml").read_text())
    return [(HOME / "config" / name).read_bytes() for name in names] + [yaml.safe_dump(dict(list(models.items())[:2])).encode()]


def read_state(data: bytes) -> None:
    """Receipts, and the journal of a shard that is scraped; a journal is never an error, but loses what is damaged."""
    with tempfile.TemporaryDirectory(dir=ROOM) as folder:
        path = Path(folder, "state")
        path.write_bytes(data)
        journal = Journal(path, "key")
        journal.close()
        path.write_bytes(data)
        read_json(path)


def states() -> list[bytes]:
    with tempfile.TemporaryDirectory(dir=ROOM) as folder:
        journal = Journal(Path(folder, "journal"), "key")
        for name in "ab":
            scrape = {"status": "success", "http_status": 200}
            journal.add(
                taken(empty_item() | {"id": name, "source_url": f"http://{name}"}, encode(drawing((9, 9)), "PNG"), scrape=scrape)
            )
        journal.close()
        receipt = {"origin": "a", "files": [{"name": "a.zip", "path": "a.zip", "size": 1, "sha256": "0" * 64}]}
        return [Path(folder, "journal").read_bytes(), json.dumps(receipt).encode()]


# -- the web -----------------------------------------------------------------------------------------


def read_headers(data: bytes) -> None:
    """Headers, robots.txt, addresses and messages, as texts; a wait is never longer than it can be waited for."""
    text = data.decode("utf-8", "replace")
    host = Host(1, 0)
    for line in text.split("\n"):
        robots_tag([line]), tdm_reserved(line), verdict(line), judge(line), judge(f"http://a.org/{line}")
        host.wait_for(line)
        assert (waiting(line) or 0.0) >= 0
    robots_txt(text, "http://a.org/x.jpg")


def headers() -> list[bytes]:
    return [
        b"noai, otherbot: noindex\nunavailable_after: 25 Jun 2010 15:00:00 PST\n1\nWed, 21 Oct 2015 07:28:00 GMT\n120\n",
        b"User-agent: *\nDisallow: /*.jpg$\nAllow: /a\nCrawl-delay: 5\nSitemap: http://a.org/s\n",
        b"http://user:pw@a.org:80/\xc3\xbc?q=%20#f\nhttps://[::1]/\nhttp://0x7f.1/\nHTTP Error 404: Not Found\n",
    ]


def read_answer(data: bytes) -> None:
    """Whatever a server answers, both downloaders end with bytes or with why not."""
    from tests.fuzz.answers import by_download, by_engine

    by_download(data)
    by_engine(data)


def answers() -> list[bytes]:
    body = encode(drawing((9, 9)), "PNG")
    size = b"Content-Length: %d\r\n" % len(body)
    start = b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n"
    return [
        start + size + b'ETag: "a"\r\n\r\n' + body,
        start + b"Transfer-Encoding: chunked\r\n\r\n5\r\n\x89PNG\r\r\n0\r\n\r\n",
        start + b"Content-Encoding: gzip\r\n\r\n" + zlib.compress(body),
        b"HTTP/1.1 301 Moved\r\nLocation: /y\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 206 Partial\r\nContent-Range: bytes 0-1/2\r\nContent-Length: 2\r\n\r\nab",
        b"HTTP/1.1 429 Wait\r\nRetry-After: 99999999\r\nX-Robots-Tag: noai\r\nContent-Length: 0\r\n\r\n",
    ]


TARGETS = {
    "image": Target(read_image, pictures, mended_image, [b"IHDR", b"acTL", b"fcTL", b"zTXt", b"iCCP", b"Exif\0\0", b"II*\0"]),
    "zip": Target(partial(read_container, ".zip"), partial(archives, ".zip"), None, [b"PK\1\2", b"PK\5\6", b"PK\6\6", b"PK\6\7"]),
    "tar": Target(
        partial(read_container, ".tar"), tars, mended_tar, [b"ustar\0", b"11 size=9\n", b"GNU.sparse.map=", b"././@LongLink"]
    ),
    "tar.gz": Target(partial(read_container, ".tar.gz"), partial(archives, ".tar.gz")),
    "tar.xz": Target(partial(read_container, ".tar.xz"), partial(archives, ".tar.xz")),
    "tar.zst": Target(partial(read_container, ".tar.zst"), partial(archives, ".tar.zst")),
    "7z": Target(partial(read_container, ".7z"), sevens, mended_seven, [b"\1\4\6\0", b"\7\x0b", b"\x17\6", b"\xff" * 8]),
    "parquet": Target(partial(read_container, ".parquet"), image_tables),
    "arrow": Target(partial(read_container, ".arrow"), image_arrows),
    "saved": Target(
        read_saved, lambda: [b'{"_data_files": [{"filename": "data-00000-of-00001.arrow"}]}'], None, [b"..", b"[]", b"{}"]
    ),
    "csv": Target(partial(read_table, ".csv"), csvs, None, [b'"', b"\0", b"\r", b"\xff\xfe"]),
    "list": Target(partial(read_table, ".txt"), lambda: [b"a,b\nc,d,e\n"], None, [b"\0", b"\r", b"\xff"]),
    "json": Target(partial(read_table, ".json"), jsons, None, [b"[", b"{", b"NaN", b"1e999", b"\\ud800", b"null"]),
    "parquet table": Target(partial(read_table, ".parquet"), parquets),
    "arrow table": Target(partial(read_table, ".arrow"), arrows),
    "addresses": Target(
        partial(read_addresses, ".csv"), csvs, None, [b"http://[", b"\\", b"@", b"//", b"nan", b"\xf0\x9f\x98\x80"]
    ),
    "addresses json": Target(partial(read_addresses, ".jsonl"), jsons, None, [b"\\ud800", b"null", b"1e400", b"true"]),
    "user lists": Target(read_user_lists, lambda: [b"id,sha256\na/b,00\n", b"./a/b.png,0,0,4,8\n", b"a.org # no\nhttp://b/\n"]),
    "config": Target(
        read_config, configs, None, [b"&a", b"*a", b"<<: ", b"!!int ", b"? ", b"- ", b"[", b"{", b"|", b"~", b".nan"]
    ),
    "state": Target(read_state, states, None, [b"TF01", b"{}", b"[]", b"null"]),
    "headers": Target(read_headers, headers, None, [b"noai", b":", b"\r", b"*", b"$", b"99999999999999999999"]),
    "answers": Target(read_answer, answers, None, [b"\r\n", b"Content-Length: ", b"-1", b"Location: ", b"Transfer-Encoding: "]),
}
