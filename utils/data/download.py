"""Downloads that resume, are verified, and never leave a bad file behind.

pooch decides whether a file is there, verifies its checksum and moves it into place only when
that is right. The downloader handed to it adds what pooch leaves open: going on where a broken
transfer stopped. A lock lets one process download while others wait for the result.
"""

from __future__ import annotations

import errno
import logging
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from .core import DataError, cache_dir

TIMEOUT = (10, 30)  # seconds to wait for a connection, and for the next bytes
ATTEMPTS = 5  # transfers of one file from one address, as long as each gets further
WAIT = 3600  # seconds to wait for another process that is downloading the same set


@dataclass(frozen=True)
class Remote:
    """A file to download: name, size in bytes, and checksum as "algorithm:hex digits"."""

    name: str
    bytes: int
    checksum: str


@dataclass(frozen=True)
class Home:
    """Where a dataset lives: web folders to try in order, files in them, folder in COURSE_DATA."""

    mirrors: tuple[str, ...]
    files: tuple[Remote, ...]
    folder: str


def fetch(dataset: str, home: Home) -> list[Path]:
    """Paths of verified copies of the files, downloaded where they are not there yet.

    Raises DataError, which says what failed at each address and what to do.
    """
    import filelock

    folder = cache_dir() / dataset
    paths = [folder / file.name for file in home.files]
    if all(map(_verified, paths, home.files)):
        return paths
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(folder / "download.lock")
        try:
            held = lock.acquire(timeout=0)
        except filelock.Timeout:
            print(f"Another process is downloading {dataset}; waiting for it.", file=sys.stderr)
            held = lock.acquire(timeout=WAIT)
        with held:
            _fetch_all(dataset, folder, home)
    except filelock.Timeout:
        raise DataError(
            f"Another process has been downloading {dataset} for over {WAIT} s.\n"
            "What to do: end it, then run this again."
        ) from None
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        what = f"{folder} cannot be written: {'the disk is full' if full else error}"
        raise DataError(_advice(dataset, folder, what, home)) from None
    return paths


def _verified(path: Path, file: Remote) -> bool:
    import pooch

    algorithm, digits = file.checksum.split(":")
    return path.is_file() and pooch.file_hash(str(path), alg=algorithm) == digits


def _fetch_all(dataset: str, folder: Path, home: Home) -> None:
    missing = [file for file in home.files if not _verified(folder / file.name, file)]
    if not missing:
        return  # another process got them while this one waited
    size = sum(file.bytes for file in missing)
    print(f"Downloading {dataset}: {size / 1e6:.1f} MB to {folder}", file=sys.stderr)
    if shutil.disk_usage(folder).free < size:
        raise OSError(errno.ENOSPC, "not enough space")
    mirrors = list(home.mirrors)
    for file in missing:
        failures = []
        for mirror in tuple(mirrors):
            why = _try(folder, file, mirror + file.name)
            if why is None:
                break
            failures.append(f"{mirror}{file.name}: {why}")
            mirrors.append(mirrors.pop(0))  # the next file is not asked for there first
        else:
            what = "no address gave a good file\n  " + "\n  ".join(failures)
            raise DataError(_advice(dataset, folder, what, home))


def _try(folder: Path, file: Remote, url: str) -> str | None:
    """Downloads one file from one address; returns None, or in words why that failed."""
    import pooch
    import requests
    import urllib3

    pooch.get_logger().setLevel(logging.WARNING)
    downloader = Resume(folder / f"{file.name}.part", file)
    try:
        for _ in range(2):
            resumed = downloader.part.exists()
            try:
                pooch.retrieve(url, file.checksum, file.name, folder, downloader=downloader)
                return None
            except ValueError:  # wrong checksum: what was resumed may have been another file
                if not resumed:
                    break
        return "the file is not the right one (wrong checksum)"
    except WrongSize as error:
        return str(error)
    except requests.HTTPError as error:
        return f"the server answered {error.response.status_code} {error.response.reason}"
    except (requests.Timeout, urllib3.exceptions.TimeoutError):
        return f"no answer within {TIMEOUT[1]} s"
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        broken = downloader.part.exists() and downloader.part.stat().st_size
        if broken:
            return f"the transfer broke off after {broken:,} bytes"
        return f"no connection ({type(error).__name__})"


class WrongSize(Exception):
    """The server sends something of another size than the file's."""


class Resume:
    """A downloader for pooch that keeps what it got in a .part file and goes on from there."""

    def __init__(self, part: Path, file: Remote) -> None:
        self.part, self.file = part, file

    def __call__(self, url: str, output_file: str, pooch: object) -> None:
        import requests
        import urllib3

        for attempt in range(ATTEMPTS):
            before = self._have()
            try:
                self._transfer(url, before)
                if self._have() != self.file.bytes:
                    size = self._have()
                    self.part.unlink()
                    raise WrongSize(f"expected {self.file.bytes:,} bytes, the server has {size:,}")
                self.part.replace(output_file)
                return
            except (requests.RequestException, urllib3.exceptions.HTTPError):
                if self._have() <= before or attempt == ATTEMPTS - 1:
                    raise
            except OSError as error:
                if error.errno in (errno.ENOSPC, errno.EDQUOT):
                    self.part.unlink(missing_ok=True)  # don't leave the disk full
                raise

    def _have(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0

    def _transfer(self, url: str, have: int) -> None:
        import requests
        from tqdm import tqdm

        if have >= self.file.bytes:
            self.part.unlink()
            have = 0
        headers = {"Accept-Encoding": "identity"}
        if have:
            headers["Range"] = f"bytes={have}-"
        with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as response:
            response.raise_for_status()
            going_on = response.status_code == 206
            start = response.headers.get("Content-Range", "").startswith(f"bytes {have}-")
            if going_on and not start:
                self.part.unlink(missing_ok=True)
                raise requests.ConnectionError("the server resumed at the wrong place")
            done = have if going_on else 0
            bar = tqdm(total=self.file.bytes, initial=done, desc=self.file.name, unit="B",
                       unit_scale=True)  # fmt: skip
            with bar, open(self.part, "ab" if going_on else "wb") as out:
                for chunk in response.raw.stream(1 << 16, decode_content=False):
                    done += len(chunk)
                    out.write(chunk)
                    bar.update(len(chunk))
                    if done > self.file.bytes:
                        break  # not the file; the caller sees its size


def _advice(dataset: str, folder: Path, what: str, home: Home) -> str:
    size = sum(file.bytes for file in home.files) / 1e6
    return (
        f"{dataset} could not be downloaded: {what}.\n"
        "What to do:\n"
        f"  - run this again: it goes on where it stopped ({size:.1f} MB in all, to {folder};\n"
        "    set COURSE_CACHE to keep downloads on another disk);\n"
        f"  - or put {', '.join(file.name for file in home.files)}\n"
        f"    into a folder FOLDER/{home.folder} by other means and set COURSE_DATA to FOLDER;\n"
        '  - or use a built-in set, which needs no network: load("glyphs") or load("digits").'
    )
