"""What an encoded image says of its own making: manifests, prompts and names of programs that generators leave beside pixels.

A detector that reads them learns nothing, and a publisher must know of them. Only the parts of a file that hold metadata are
looked at, never pixels, so it costs microseconds. Sources: C2PA 2.1, section 11.3 (where manifests are embedded); IPTC's
digital source types; XMP part 3; the chunks that AUTOMATIC1111 (`parameters`), ComfyUI (`prompt`, `workflow`) and InvokeAI write.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from PIL import Image

from touchstone.images import without_warnings

C2PA, XMP, IPTC, SOURCE, PROMPT, SOFTWARE = "c2pa", "xmp", "iptc", "ai_source", "prompt", "software"
MARKS = {
    C2PA: "a C2PA manifest (Content Credentials)",
    SOURCE: "IPTC's digital source type says that a trained model made it, whole or in part",
    PROMPT: "prompt or workflow of a generating program",
    SOFTWARE: "name of the program that wrote it",
    XMP: "XMP metadata",
    IPTC: "IPTC metadata",
}
PROMPT_KEYS = {"parameters", "prompt", "workflow", "dream", "sd-metadata", "invokeai_metadata", "invokeai_graph"}
MADE_BY_MODEL = (b"trainedAlgorithmicMedia", b"compositeWithTrainedAlgorithmicMedia")
BOX = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")  # C2PA's box in files that are made of boxes, as AVIF is
Part = tuple[str, bytes]  # what holds it, and its bytes


def marks_of(data: bytes | memoryview) -> list[str]:
    """Marks that an encoded image carries: keys of ``MARKS``, in that order. Damaged metadata holds none."""
    found: set[str] = set()
    try:
        for kind, content in _parts(memoryview(data)):
            found |= _marks(kind, content)
    except (struct.error, IndexError, UnicodeDecodeError):
        pass  # what came before the damage counts
    return [mark for mark in MARKS if mark in found]


def _parts(data: memoryview) -> Iterator[Part]:
    begins = bytes(data[:4])
    if begins.startswith(b"\xff\xd8"):
        return _jpeg(data)
    known = {b"\x89PNG": _png, b"RIFF": _webp}.get(begins)
    return known(data) if known else _searched(bytes(data))


def _jpeg(data: memoryview) -> Iterator[Part]:
    place = 2
    while data[place] == 0xFF and (marker := data[place + 1]) != 0xDA:  # the scan, behind which pixels lie
        if marker in (0x01, 0xFF) or 0xD0 <= marker <= 0xD8:
            place += 1 if marker == 0xFF else 2
            continue
        (size,) = struct.unpack_from(">H", data, place + 2)
        if marker in (0xE1, 0xEB, 0xED):
            content = bytes(data[place + 4 : place + 2 + size])
            if content.startswith(b"Exif\0\0"):
                yield "exif", content[6:]
            elif content.startswith(b"http://ns.adobe.com/"):
                yield XMP, content
            elif marker == 0xED and content.startswith(b"Photoshop 3.0\0"):
                yield IPTC, content
            elif marker == 0xEB and b"jumb" in content[:32]:
                yield C2PA, content
        place += 2 + size


def _png(data: memoryview) -> Iterator[Part]:
    place = 8
    while place + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, place)
        if kind in (b"tEXt", b"zTXt", b"iTXt"):
            content = bytes(data[place + 8 : place + 8 + size])
            key, _, text = content.partition(b"\0")
            if key == b"XML:com.adobe.xmp":
                yield XMP, text
            else:
                yield "text", content
        elif kind == b"eXIf":
            yield "exif", bytes(data[place + 8 : place + 8 + size])
        elif kind == b"caBX":
            yield C2PA, bytes(data[place + 8 : place + 8 + size])
        place += 12 + size


def _webp(data: memoryview) -> Iterator[Part]:
    place = 12
    while place + 8 <= len(data):
        kind, size = struct.unpack_from("<4sI", data, place)
        if kind in (b"EXIF", b"XMP ", b"C2PA"):
            content = bytes(data[place + 8 : place + 8 + size])
            yield {b"EXIF": "exif", b"XMP ": XMP, b"C2PA": C2PA}[kind], content.removeprefix(b"Exif\0\0")
        place += 8 + size + size % 2


def _searched(data: bytes) -> Iterator[Part]:
    """Rarer formats, whose metadata is found by how it begins; of TIFF the tags are read."""
    box = BOX if data[4:8] == b"ftyp" else b"C2PA_GIF" if data.startswith(b"GIF") else b""
    if box and (start := data.find(box)) >= 0:
        yield C2PA, data[start:]
    if (start := data.find(b"<x:xmpmeta")) >= 0:
        yield XMP, data[start : data.find(b"</x:xmpmeta>", start)]
    if data.startswith((b"II*\0", b"MM\0*")):
        yield "exif", data


def _marks(kind: str, content: bytes) -> set[str]:
    if kind == "exif":
        return _exif(content)
    if kind == "text":
        key = content.partition(b"\0")[0].decode("latin-1").lower()
        return {PROMPT} if key in PROMPT_KEYS else {SOFTWARE} if key == "software" else set()
    made = {SOURCE} if any(word in content for word in MADE_BY_MODEL) else set()
    if kind == XMP and b"CreatorTool" in content:
        made.add(SOFTWARE)
    if kind == C2PA and b"c2pa" not in content:  # another use of JUMBF
        return made
    return made | {kind}


def _exif(content: bytes) -> set[str]:
    """Software (305) and what AUTOMATIC1111 writes to a JPEG's UserComment; C2PA's tag of TIFF (52545)."""
    exif = Image.Exif()
    try:
        with without_warnings():
            exif.load(b"Exif\0\0" + content)
            comment = exif.get_ifd(34665).get(37510, b"")
            found = {SOFTWARE} if str(exif.get(305, "")).strip("\0 ") else set()
            found |= {C2PA} if 52545 in exif else set()
    except Exception:  # a hostile header can raise nearly anything
        return set()
    text = comment if isinstance(comment, bytes) else str(comment).encode()
    return found | ({PROMPT} if b"Steps: " in text.replace(b"\0", b"") else set())
