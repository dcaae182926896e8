"""Downloads of published files: each once, resumed after any stop, and proven by hash and size."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import pooch
import requests
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, wait_exponential
from urllib3.exceptions import MaxRetryError

from enco.errors import UserError, is_full, writing
from enco.io.files import sha256
from enco.io.locks import locked

CHUNK = 2**20
TIMEOUT = 30.0
"""Seconds without a byte after which a server counts as gone."""
TRIES = 5
WAIT = wait_exponential(min=1, max=30)
"""Between two tries: 1, 2, 4 and 8 seconds."""
OK, RANGE_NOT_SATISFIABLE, TOO_MANY_REQUESTS, SERVER_ERROR = 200, 416, 429, 500


class NotPublished(UserError):
    """A file that was put in its place or sent, and is not the published one."""


@dataclass(frozen=True)
class Published:
    """The known SHA-256 of a published file, or the start of the hash (lower-case hex), and the size in bytes."""

    sha256: str = ""
    bytes: int | None = None

    @property
    def is_unknown(self) -> bool:
        """Whether neither hash nor size is known."""
        return not self.sha256 and self.bytes is None

    def mismatch(self, path: Path) -> str | None:
        """Say why a file is not the published one, as a clause ("it has 12 bytes, not 34"); else None."""
        if not path.is_file():
            return "it is not a file"
        size = path.stat().st_size
        if self.bytes is not None and size != self.bytes:
            return f"it has {size} bytes, not {self.bytes}"
        found = sha256(path) if self.sha256 else ""
        if not found.startswith(self.sha256):
            return f"its SHA-256 starts with {found[:16]}, not {self.sha256[:16]}"
        return None


def fetch(url: str, path: Path, published: Published) -> Path:
    """Return the published file at `path`, downloaded from `url` if nothing is there.

    A download goes on from what a broken, stopped or killed one left in `.<name>.part`; processes that want one file
    take turns by `.<name>.lock`. Raises UserError for a failed download and for a place that cannot be written to, and
    NotPublished for a file, found or downloaded, that is not the published one.
    """
    with writing(path):
        is_there = path.exists()
    if is_there:
        return _checked(url, path, published)
    with writing(path), locked(path.with_name(f".{path.name}.lock")):
        if path.exists():
            return _checked(url, path, published)
        return _downloaded(_Download(url, path, published))


def _checked(url: str, path: Path, published: Published) -> Path:
    wrong = published.mismatch(path)
    if wrong:
        raise NotPublished(
            f"{path} is not the published file ({wrong}): move it away and run again, or put there what {url} has."
        )
    return path


def _downloaded(download: _Download) -> Path:
    """Download the file, prove the content, and give it its name; a wrong file is removed."""
    part, published = download.part, download.published
    # A process may have been killed between the last byte and the new name.
    is_whole = not published.is_unknown and published.mismatch(part) is None
    if not is_whole:
        download.run()
        wrong = published.mismatch(part)
        if wrong:
            part.unlink()
            raise NotPublished(
                f"What {download.url} sends is not the published file ({wrong}): run again, or fetch it elsewhere and"
                f" put it at {download.path}."
            )
    with part.open("rb") as file:
        os.fsync(file.fileno())
    return part.replace(download.path)


class _Download:
    """The download of one file in several tries, each of which goes on where the last one stopped."""

    def __init__(self, url: str, path: Path, published: Published) -> None:
        self.url, self.path, self.published = url, path, published
        self.part = path.with_name(f".{path.name}.part")
        self.has_answered = False

    def run(self) -> None:
        """Fill the part file; UserError if the server does not send the whole content."""
        retrying = Retrying(
            stop=stop_after_attempt(TRIES),
            wait=WAIT,
            retry=retry_if_exception(self.may_pass),
            before_sleep=self.announce_retry,
            reraise=True,
        )
        try:
            retrying(self.request)
        except requests.RequestException as error:
            raise UserError(
                f"Could not download {self.url} ({_reason(error)}): fetch it by hand and put it at {self.path}."
            ) from error
        except OSError as error:
            if is_full(error):
                self.part.unlink(missing_ok=True)
            raise
        finally:
            if self.part.is_file() and not self.part.stat().st_size:
                self.part.unlink()

    def request(self) -> None:
        """Ask for the missing bytes and append them."""
        with self.part.open("ab") as file:
            # Content that was decoded on its way would have another length and hash.
            headers = {"Accept-Encoding": "identity"}
            if file.tell():
                headers["Range"] = f"bytes={file.tell()}-"
            download = pooch.HTTPDownloader(
                progressbar=sys.stderr.isatty(),
                chunk_size=CHUNK,
                timeout=TIMEOUT,
                headers=headers,
                hooks={"response": partial(self.receive, file)},
            )
            download(self.url, file, None)

    def receive(self, file: BinaryIO, response: requests.Response, **_: Any) -> None:
        """Look at an answer before the content is appended: start anew where the server does not go on."""
        self.has_answered = True
        if response.status_code == OK and self.published.is_unknown and _is_web_page(response):
            raise UserError(
                f"{self.url} sends a web page instead of the file: open it in a browser, fetch the file by hand and"
                f" put it at {self.path}."
            )
        if response.status_code in (OK, RANGE_NOT_SATISFIABLE):
            file.truncate(0)

    def may_pass(self, error: BaseException) -> bool:
        """Return whether another try may succeed; a server that could never be reached is not asked again."""
        if isinstance(error, requests.HTTPError) and error.response is not None:
            status = error.response.status_code
            return status in (RANGE_NOT_SATISFIABLE, TOO_MANY_REQUESTS) or status >= SERVER_ERROR
        if isinstance(error, requests.ConnectionError) and isinstance(error.args[0], MaxRetryError):
            return self.has_answered
        broken = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)
        return isinstance(error, broken)

    def announce_retry(self, state: RetryCallState) -> None:
        """Print on stderr why the download takes longer."""
        error = state.outcome.exception() if state.outcome else None
        print(f"{self.url}: {_reason(error)}, trying again in {state.upcoming_sleep:.0f} s", file=sys.stderr)


def _is_web_page(response: requests.Response) -> bool:
    return response.headers.get("Content-Type", "").startswith("text/html")


def _reason(error: BaseException | None) -> str:
    """Return the first cause of a failed request in the system's or the server's words."""
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"the server answers {error.response.status_code} {error.response.reason}"
    while error and (cause := error.__cause__ or error.__context__):
        error = cause
    return getattr(error, "strerror", None) or str(error)
