"""Archives of every kind, written by the tests; what no tool on the machine writes is put together byte by byte."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

TAR_FORMATS = {".tar.gz": gzip.compress, ".tar.bz2": bz2.compress, ".tar.xz": lzma.compress}


def archive(folder: Path, kind: str, members: Mapping[str, bytes]) -> Path:
    """An archive ``files<kind>``; ``files`` of kind "/" is a folder. The path is the one to open it by."""
    path = folder / f"files{kind}"
    if kind == "/":
        for name, data in members.items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_bytes(data)
    elif kind == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
            for name, data in members.items():
                file.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    elif kind == ".z01":
        path = split_zip(folder, members, volume=max(40, sum(map(len, members.values())) // 4))
    elif kind.endswith(".001"):
        whole = archive(folder, kind.removesuffix(".001"), members)
        data = whole.read_bytes()
        size = len(data) // 4 + 1
        whole.unlink()
        for number in range(4):
            path.with_suffix(f".{number + 1:03}").write_bytes(data[number * size :][:size])
    elif kind == ".tar":
        path.write_bytes(tar(members))
    elif kind == ".tar.zst":
        with pa.CompressedOutputStream(str(path), "zstd") as file:
            file.write(tar(members))
    elif kind in TAR_FORMATS:
        path.write_bytes(TAR_FORMATS[kind](tar(members)))
    else:
        path.write_bytes(seven_zip(members))
    return path


def tar(members: Mapping[str, bytes], form: int = tarfile.PAX_FORMAT) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w", format=form) as file:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            file.addfile(info, io.BytesIO(content))
    return data.getvalue()


def split_zip(
    folder: Path, members: Mapping[str, bytes], volume: int, zip64: bool = False, name: str = "files.zip", comment: bytes = b""
) -> Path:
    """A zip in volumes ``.z01 ... .zip`` of so many bytes each; every second member is deflated.

    With ``zip64`` every size and place stands in Zip64 fields, as in archives over 4 GB.
    """
    body, directory = bytearray(b"PK\7\x08"), bytearray()
    full, half = 0xFFFFFFFF, 0xFFFF
    for number, (member, data) in enumerate(members.items()):
        place, raw = len(body), member.encode()
        method = 8 * (number % 2)
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        packed = packer.compress(data) + packer.flush() if method else data
        body += struct.pack(
            "<4sHHHHHLLLHH", b"PK\3\4", 20, 0x800, method, 0, 33, zlib.crc32(data), len(packed), len(data), len(raw), 0
        )
        body += raw + packed
        disk, offset = divmod(place, volume)
        extra = struct.pack("<HHQQQL", 1, 28, len(data), len(packed), offset, disk) if zip64 else b""
        sizes = (full, full) if zip64 else (len(packed), len(data))
        directory += struct.pack("<4sHHHHHHLLL", b"PK\1\2", 45, 45, 0x800, method, 0, 33, zlib.crc32(data), *sizes)
        directory += struct.pack(
            "<HHHHHLL", len(raw), len(extra), len(comment), half if zip64 else disk, 0, 0, full if zip64 else offset
        )
        directory += raw + extra + comment
    start_disk, start = divmod(len(body), volume)
    body += directory
    count = len(members)
    if zip64:
        end_disk, end = divmod(len(body), volume)
        last = (len(body) + 56 + 20 + 21) // volume
        body += struct.pack("<4sQHHLLQQQQ", b"PK\6\6", 44, 45, 45, last, start_disk, count, count, len(directory), start)
        body += struct.pack("<4sLQL", b"PK\6\7", end_disk, end, last + 1)
        count, size, start = half, full, full
    else:
        last, size = (len(body) + 21) // volume, len(directory)
    body += struct.pack(
        "<4sHHHHLLH", b"PK\5\6", last, half if zip64 else start_disk, min(count, half), min(count, half), size, start, 0
    )
    path = folder / name
    for disk in range(last + 1):
        suffix = path.suffix if disk == last else f".{path.suffix[1]}{disk + 1:02}"
        path.with_suffix(suffix).write_bytes(body[disk * volume : (disk + 1) * volume])
    return path


def seven_zip(
    members: Mapping[str, bytes], method: str = "lzma2", per_block: int = 1000, crc_of: Mapping[str, bytes] | None = None
) -> bytes:
    """A 7z archive of solid blocks of so many members; ``crc_of`` gives contents to take wrong checksums of."""
    full = {name: data for name, data in members.items() if data}
    names = list(full)
    blocks = [names[at : at + per_block] for at in range(0, len(names), per_block)]
    coder, pack = CODERS[method]
    packed = [pack(b"".join(full[name] for name in block)) for block in blocks]
    checksums = [struct.pack("<L", zlib.crc32((crc_of or members)[name])) for name in names]
    head = bytearray(b"\1")
    if blocks:
        head += b"\4\6" + number(0) + number(len(blocks)) + b"\x09" + b"".join(number(len(data)) for data in packed) + b"\0"
        head += b"\7\x0b" + number(len(blocks)) + b"\0" + (b"\1" + coder) * len(blocks)
        head += b"\x0c" + b"".join(number(sum(len(full[name]) for name in block)) for block in blocks) + b"\0"
        head += b"\x08\x0d" + b"".join(number(len(block)) for block in blocks)
        head += b"\x09" + b"".join(number(len(full[name])) for block in blocks for name in block[:-1])
        head += b"\x0a\1" + b"".join(checksums) + b"\0\0"
    head += b"\5" + number(len(members)) + b"\x0e" + sized(bits([not data for data in members.values()]))
    head += b"\x0f" + sized(bits([True] * (len(members) - len(full))))
    head += b"\x11" + sized(b"\0" + b"".join(name.encode("utf-16-le", "surrogatepass") + b"\0\0" for name in members)) + b"\0\0"
    return seven_zip_of(b"".join(packed), bytes(head))


def seven_zip_of(packed: bytes, head: bytes) -> bytes:
    """Streams and a header with right checksums."""
    start = struct.pack("<QQL", len(packed), len(head), zlib.crc32(head))
    return b"7z\xbc\xaf\x27\x1c\0\4" + struct.pack("<L", zlib.crc32(start)) + start + packed + head


def number(value: int) -> bytes:
    return bytes([value]) if value < 0x80 else b"\xff" + struct.pack("<Q", value)


def sized(data: bytes) -> bytes:
    return number(len(data)) + data


def bits(flags: list[bool]) -> bytes:
    text = "".join("01"[flag] for flag in flags)
    return bytes(int(text[at : at + 8].ljust(8, "0"), 2) for at in range(0, len(text), 8))


def _lzma2(data: bytes) -> bytes:
    return lzma.compress(data, lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 16}])


def _lzma1(data: bytes) -> bytes:
    return lzma.compress(data, lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA1, "dict_size": 1 << 16}])


CODERS = {
    "copy": (b"\x01\0", bytes),
    "lzma2": (b"\x21\x21\1\x08", _lzma2),
    "lzma": (b"\x23\3\1\1\5\x5d" + struct.pack("<L", 1 << 16), _lzma1),
    "bzip2": (b"\3\4\2\2", bz2.compress),
    "ppmd": (b"\x23\3\4\1\5" + bytes(5), bytes),  # a method that is not read
}


def parquet(path: Path, images: list[bytes | None], rows_per_group: int = 3) -> Path:
    """A table as the hub has them: a struct column ``image``, a binary column ``thumb``, a text."""
    pq.write_table(table(images), path, row_group_size=rows_per_group)
    return path


def saved_dataset(folder: Path, images: list[bytes | None], files: int = 2) -> Path:
    """A folder as ``datasets.save_to_disk`` writes it."""
    folder.mkdir()
    per_file = -(-len(images) // files)
    names = [f"data-{number:05}-of-{files:05}.arrow" for number in range(files)]
    for number, name in enumerate(names):
        part = table(images[number * per_file :][:per_file])
        with pa.OSFile(str(folder / name), "wb") as file, pa.ipc.new_stream(file, part.schema) as writer:
            writer.write_table(part, max_chunksize=2)
    (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": name} for name in names]}))
    (folder / "dataset_info.json").write_text("{}")
    return folder


def table(images: list[bytes | None]) -> pa.Table:
    cells = [None if data is None else {"bytes": data, "path": "x.jpg"} for data in images]
    return pa.table(
        {
            "text": ["a text"] * len(images),
            "image": pa.array(cells, pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
            "thumb": pa.array([data and data[:5] for data in images], pa.binary()),
        }
    )
