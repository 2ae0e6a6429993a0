"""marks.py: what real programs write into files is found, whatever the format, and pixels are never taken for it."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from tests.pictures import drawing

from touchstone.chains import decode, encode
from touchstone.images import measure
from touchstone.marks import BOX, MARKS, marks_of

XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description '
    b'Iptc4xmpExt:DigitalSourceType="http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"/></rdf:RDF></x:xmpmeta>'
)
PLAIN_XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"></x:xmpmeta>'
MANIFEST = b"\0\0\0\x2djumb\0\0\0\x1djumdc2pa\0\x11\0\x10\x80\0\0\xaa\0\x38\x9b\x71\x03c2pa\0 and the rest"


def saved(kind: str, **options: object) -> bytes:
    data = io.BytesIO()
    drawing().save(data, kind, **options)
    return data.getvalue()


def text(**keys: str) -> bytes:
    info = PngInfo()
    for key, value in keys.items():
        info.add_text(key, value, zip=len(value) > 100)
    return saved("PNG", pnginfo=info)


def segment(data: bytes, marker: int, content: bytes) -> bytes:
    """A JPEG with one more segment behind its first two bytes."""
    return data[:2] + struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content + data[2:]


def chunk(data: bytes, kind: bytes, content: bytes) -> bytes:
    """A PNG with one more chunk behind its header."""
    body = kind + content
    return data[:33] + struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body)) + data[33:]


def riff(data: bytes, kind: bytes, content: bytes) -> bytes:
    """A WebP with one more chunk at its end."""
    more = kind + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)
    return data[:4] + struct.pack("<I", len(data) - 8 + len(more)) + data[8:] + more


def exif(**tags: str) -> Image.Exif:
    made = Image.Exif()
    if "software" in tags:
        made[305] = tags["software"]
    if "comment" in tags:
        made.get_ifd(34665)[37510] = b"UNICODE\0" + tags["comment"].encode("utf-16-be")
    return made


CASES = {
    "plain JPEG": (lambda: saved("JPEG"), []),
    "plain PNG": (lambda: saved("PNG"), []),
    "plain WebP": (lambda: saved("WEBP"), []),
    "AUTOMATIC1111": (lambda: text(parameters="a cat\nSteps: 20, Sampler: Euler a, CFG scale: 7"), ["prompt"]),
    "AUTOMATIC1111's JPEG": (lambda: saved("JPEG", exif=exif(comment="a cat Steps: 20, Sampler: Euler a")), ["prompt"]),
    "ComfyUI": (lambda: text(prompt='{"3": {}}', workflow="{" + " " * 200 + "}"), ["prompt"]),
    "a program": (lambda: text(Software="NovelAI"), ["software"]),
    "a camera's program": (lambda: saved("JPEG", exif=exif(software="Adobe Photoshop 25.0")), ["software"]),
    "other text": (lambda: text(Title="prompt"), []),
    "XMP in JPEG": (lambda: saved("JPEG", xmp=PLAIN_XMP), ["xmp"]),
    "a source type in JPEG": (lambda: saved("JPEG", xmp=XMP), ["ai_source", "xmp"]),
    "in PNG": (lambda: text(**{"XML:com.adobe.xmp": ""}), ["xmp"]),
    "in WebP": (lambda: saved("WEBP", xmp=XMP, exif=exif(software="x")), ["ai_source", "software", "xmp"]),
    "in TIFF": (lambda: saved("TIFF", tiffinfo={305: "x"}), ["software"]),
    "in AVIF": (lambda: saved("AVIF", xmp=XMP), ["ai_source", "xmp"]),
    "IPTC": (lambda: segment(saved("JPEG"), 0xED, b"Photoshop 3.0\x008BIM\x04\x04\0\0\0\0\0\x04\x1c\x02\0\0"), ["iptc"]),
    "C2PA in JPEG": (lambda: segment(saved("JPEG"), 0xEB, b"JP\0\1\0\0\0\1" + MANIFEST), ["c2pa"]),
    "other JUMBF": (lambda: segment(saved("JPEG"), 0xEB, b"JP\0\1\0\0\0\1" + MANIFEST.replace(b"c2pa", b"jp2k")), []),
    "C2PA in PNG": (lambda: chunk(saved("PNG"), b"caBX", MANIFEST + b"trainedAlgorithmicMedia"), ["c2pa", "ai_source"]),
    "C2PA in WebP": (lambda: riff(saved("WEBP"), b"C2PA", MANIFEST), ["c2pa"]),
    "C2PA in AVIF": (lambda: saved("AVIF") + struct.pack(">I4s", 24 + len(MANIFEST), b"uuid") + BOX + MANIFEST, ["c2pa"]),
}


@pytest.mark.parametrize("name", CASES)
def test_what_programs_write_is_found(name):
    make, expected = CASES[name]
    assert marks_of(make()) == expected
    assert measure(make())["width"] == 48  # and the file is still a picture


@pytest.mark.parametrize("name", [name for name, (_, marks) in CASES.items() if marks])
def test_encoding_anew_leaves_no_mark(name):
    data = CASES[name][0]()
    for kind in ("JPEG", "PNG", "WEBP"):
        assert marks_of(encode(decode(data), kind, 90, "4:2:0")) == []


def test_damaged_and_hostile_metadata_ends_the_search():
    whole = segment(saved("JPEG", xmp=XMP), 0xE1, b"Exif\0\0MM\0*\xff\xff\xff\xff")
    for data in (
        whole,
        saved("WEBP", xmp=XMP),
        text(parameters="x" * 200),
        saved("AVIF", xmp=XMP),
        saved("TIFF"),
        b"",
        b"\xff\xd8",
    ):
        for end in range(0, len(data), 7):
            assert set(marks_of(data[:end])) <= set(MARKS)
    random = np.random.default_rng(3)
    for start in (b"\xff\xd8", b"\x89PNG\r\n\x1a\n", b"RIFF\0\0\0\0WEBP", b"II*\0", b"GIF89a", b""):
        for _ in range(50):
            assert isinstance(marks_of(start + random.bytes(300)), list)


def test_pixels_are_no_marks():
    words = (b"trainedAlgorithmicMedia c2pa parameters\0 " + BOX) * 400
    pixels = Image.fromarray(np.frombuffer(words[: 64 * 64], np.uint8).reshape(64, 64))
    for kind in ("BMP", "TIFF", "GIF", "PNG"):
        data = io.BytesIO()
        pixels.save(data, kind)
        assert marks_of(data.getvalue()) == []
        assert kind not in ("BMP", "TIFF") or BOX in data.getvalue()
