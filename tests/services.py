"""A real server on loopback that speaks OpenAI's Images API, bills what it makes, and misbehaves as a prompt says."""

from __future__ import annotations

import base64
import email
import json
import socket
import struct
import threading
import zlib
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.pictures import drawing, encode

KEY = "sk-secret-of-the-tests"
HEALS = 1  # calls that fail before one that works, of words that get well


@dataclass
class Call:
    """One request as it came in."""

    path: str
    headers: dict[str, str]
    fields: dict[str, object]
    image: bytes = b""

    @property
    def prompt(self) -> str:
        return str(self.fields.get("prompt", ""))


@dataclass
class Billed:
    """What the server's owner knows: every call, images made by prompt, and the most calls at the same time."""

    calls: list[Call] = field(default_factory=list)
    made: Counter = field(default_factory=Counter)
    at_once: int = 0
    most: int = 0

    def asked(self, prompt: str) -> list[Call]:
        return [call for call in self.calls if call.prompt == prompt]


class ImageService(ThreadingHTTPServer):
    """``billed`` tells what was asked and made; what holds back an answer waits for ``release``."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.billed, self.lock = Billed(), threading.Lock()
        self.held, self.release = threading.Semaphore(0), threading.Event()
        self.came = threading.Semaphore(0)  # once for every call
        self.well = False  # then nothing misbehaves

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def handle_error(self, *args: object) -> None:
        """Clients are killed on purpose here."""


class _Handler(BaseHTTPRequestHandler):
    server: ImageService
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        call = self._call()
        server = self.server
        with server.lock:
            server.billed.calls.append(call)
            server.came.release()
            server.billed.at_once += 1
            server.billed.most = max(server.billed.most, server.billed.at_once)
        try:
            self._answer(call, len(server.billed.asked(call.prompt)))
        finally:
            with server.lock:
                server.billed.at_once -= 1

    def do_GET(self) -> None:
        """An image that was made before, at the address that the answer named."""
        kind = self.path.split("/")[2]
        if kind == "gone":
            return self._reply(404, {})
        if kind == "late":
            self.server.held.release()
            self.server.release.wait(60)
        if kind == "moved":
            return self._send(302, b"", {"Location": "http://10.0.0.1/image.png"})
        self._send(200, picture(self.path), {"Content-Type": "image/png"})

    def _call(self) -> Call:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        if headers["content-type"] == "application/json":
            return Call(self.path, headers, json.loads(body))
        form = email.message_from_bytes(f"Content-Type: {headers['content-type']}\r\n\r\n".encode() + body)
        parts = {part.get_param("name", header="content-disposition"): part for part in form.get_payload()}
        image = parts.pop("image")
        fields = {name: part.get_payload(decode=True).decode() for name, part in parts.items()}
        fields |= {"filename": image.get_filename(), "type": image.get_content_type()}
        return Call(self.path, headers, fields, image.get_payload(decode=True))

    def _answer(self, call: Call, times: int) -> None:
        word = "fine" if self.server.well else (call.prompt.split() or ["fine"])[0]
        if call.headers.get("authorization") != f"Bearer {KEY}":
            return self._error(401, "invalid_api_key", f"Incorrect API key provided: {call.headers.get('authorization')}")
        match word:
            case "busy" if times <= HEALS:
                return self._error(429, "rate_limit_exceeded", "slow down", {"Retry-After": "1"})
            case "patience":
                return self._error(429, "rate_limit_exceeded", "come back tomorrow", {"Retry-After": "86400"})
            case "poor":
                return self._error(429, "insufficient_quota", "You exceeded your current quota")
            case "ill" if times <= HEALS:
                return self._error(500, "server_error", "something broke")
            case "broken":
                return self._error(500, "server_error", "something broke for good")
            case "gateway":
                return self._error(504, "", "")
            case "policy":
                return self._error(400, "content_policy_violation", "Your request was rejected by our safety system")
            case "long":
                return self._error(400, "string_above_max_length", "the prompt is too long")
            case "elsewhere":
                return self._send(307, b"", {"Location": "http://127.0.0.1:9/v1/images/generations"})
            case "malformed":
                return self._send(200, b"<html>Welcome</html>", {"Content-Type": "text/html"})
            case "empty":
                return self._reply(200, {"created": 1, "data": []})
            case "deep":
                return self._send(200, b"[" * 200_000, {"Content-Type": "application/json"})
        self.server.billed.made[call.prompt or call.fields.get("filename", "")] += 1
        match word:
            case "reset":
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.close_connection = True
                return self.connection.close()
            case "hold" | "slow":
                self.server.held.release()
                self.server.release.wait(60)
        self._image(call, word)

    def _image(self, call: Call, word: str) -> None:
        size = tuple(map(int, str(call.fields.get("size", "64x64")).split("x")))
        of_image = str(zlib.crc32(call.image)) if call.image else ""
        data = picture(call.prompt + of_image, (32, 32) if word == "small" else size)
        first = {"revised_prompt": f"A picture of {call.prompt}"}
        root = f"http://127.0.0.1:{self.server.server_address[1]}"
        addresses = {
            "url": f"{root}/made/fine/{len(call.prompt)}",
            "gone": f"{root}/made/gone/1",
            "moved": f"{root}/made/moved/1",
            "late": f"{root}/made/late/1",
        }
        addresses |= {"private": "http://192.168.1.1/image.png", "file": "file:///etc/passwd"}
        if word in addresses:
            first["url"] = addresses[word]
        elif word == "page":
            first["b64_json"] = base64.b64encode(b"<html>An image, honestly</html>").decode()
        elif word == "cut":
            first["b64_json"] = base64.b64encode(data[:-200]).decode()
        elif word == "garbled":
            first["b64_json"] = "*** not base64 ***"
        else:
            first["b64_json"] = base64.b64encode(data).decode()
        self._reply(200, {"created": 1, "data": [first], "usage": {"total_tokens": 7}}, {"x-request-id": f"req-{id(call)}"})

    def _error(self, status: int, code: str, message: str, headers: dict[str, str] | None = None) -> None:
        self._reply(status, {"error": {"message": message, "type": "error", "code": code}}, headers)

    def _reply(self, status: int, content: dict, headers: dict[str, str] | None = None) -> None:
        self._send(status, json.dumps(content).encode(), {"Content-Type": "application/json"} | (headers or {}))

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """The tests look at ``ImageService.billed``."""


def picture(text: str, size: tuple[int, int] = (64, 64)) -> bytes:
    """A PNG that is different for every text."""
    return encode(drawing(size, "RGB", zlib.crc32(text.encode())), "PNG")
