"""A real HTTP server on this machine that serves files and misbehaves as a test asks it to."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote, unquote

BLOCK = 2**16


@dataclass
class Request:
    """What was asked for, the status that was answered, and how many bytes of the file were given to the connection."""

    name: str
    range: str | None
    accepts: str | None
    status: int = 0
    sent: int = 0


@dataclass
class FileServer:
    """Serves `files` by name, given as their contents or as a folder; a context manager.

    Its knobs may be turned while it runs. `requests` lists what it was asked, in order.
    """

    files: Mapping[str, bytes] | Path
    break_after: int | None = None
    """Bytes of an answer after which the connection is broken,"""
    breaks: float = 1
    """for so many answers (math.inf: for all)."""
    ignore_range: bool = False
    statuses: list[int] = field(default_factory=list)
    """What the first answers are instead of the file."""
    moved: dict[str, str] = field(default_factory=dict)
    """Names that are redirected to other ones."""
    delay: float = 0.0
    """Seconds before each answer,"""
    pause: float = 0.0
    """and before each block of 64 KiB."""
    content_type: str = "application/octet-stream"
    requests: list[Request] = field(default_factory=list)

    def url(self, name: str = "") -> str:
        """Return the address of a file, or of the folder of all files."""
        return f"http://127.0.0.1:{self.port}/{quote(name)}"

    def __enter__(self) -> Self:
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._http.serves = self  # type: ignore[attr-defined]
        self.port = self._http.server_address[1]
        threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Listen no more."""
        self._http.shutdown()
        self._http.server_close()

    def content(self, name: str) -> bytes | None:
        """Return the content that is served under a name, if there is any."""
        if isinstance(self.files, Path):
            path = self.files / name
            return path.read_bytes() if path.is_file() else None
        return self.files.get(name)


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        server: FileServer = self.server.serves  # type: ignore[attr-defined]
        request = Request(
            unquote(self.path.lstrip("/")), self.headers.get("Range"), self.headers.get("Accept-Encoding")
        )
        server.requests.append(request)
        content = server.content(request.name)
        start = self._start(request, server)
        time.sleep(server.delay)
        if server.statuses:
            self._answer(request, server.statuses.pop(0))
        elif request.name in server.moved:
            self._answer(request, 302, {"Location": server.url(server.moved[request.name])})
        elif content is None:
            self._answer(request, 404)
        elif start and start >= len(content):
            self._answer(request, 416, {"Content-Range": f"bytes */{len(content)}"})
        else:
            part = {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"} if start else {}
            headers = {"Content-Type": server.content_type, "Content-Length": str(len(content) - start)}
            self._answer(request, 206 if start else 200, headers | part)
            self._send(request, content[start:], server)

    def _start(self, request: Request, server: FileServer) -> int:
        match = re.fullmatch(r"bytes=(\d+)-", request.range or "")
        return int(match[1]) if match and not server.ignore_range else 0

    def _answer(self, request: Request, status: int, headers: Mapping[str, str] | None = None) -> None:
        request.status = status
        self.send_response(status)
        for name, value in (headers or {"Content-Length": "0"}).items():
            self.send_header(name, value)
        self.end_headers()

    def _send(self, request: Request, content: bytes, server: FileServer) -> None:
        limit = len(content)
        if server.break_after is not None and server.breaks > 0:
            server.breaks -= 1
            limit = min(limit, server.break_after)
        for at in range(0, limit, BLOCK):
            time.sleep(server.pause)
            block = content[at : min(at + BLOCK, limit)]
            request.sent += len(block)
            try:
                self.wfile.write(block)
            except OSError:  # the client is gone
                return
        if limit < len(content):
            self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, format: str, *args: object) -> None:
        pass
