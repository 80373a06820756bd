"""A web server on this machine that misbehaves on request, for the tests of downloads.

The first part of an address says how: ``http://127.0.0.1:port/cut/file`` breaks off in the
middle of ``file``. `FaultServer.log` keeps what was asked for: (fault, file, first byte).
"""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

FAULTS = ("good", "missing", "error", "silent", "stall", "cut", "corrupt", "page", "long",
          "no-range", "slow", "truncated")  # fmt: skip


class FaultServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = files
        self.log: list[tuple[str, str, int]] = []
        self.closing = threading.Event()
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}).start()

    def address(self, fault: str) -> str:
        assert fault in FAULTS
        return f"http://127.0.0.1:{self.server_port}/{fault}/"

    def close(self) -> None:
        self.closing.set()
        self.shutdown()
        self.server_close()


class Handler(BaseHTTPRequestHandler):
    server: FaultServer

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        _, fault, name = self.path.split("/", 2)
        data = self.server.files[name]
        asked = self.headers.get("Range", "bytes=0-").removeprefix("bytes=").removesuffix("-")
        start = 0 if fault in ("no-range", "truncated") else int(asked)
        self.server.log.append((fault, name, int(asked)))
        if fault in ("missing", "error"):
            return self.send_error(404 if fault == "missing" else 500)
        if fault == "silent":
            self.server.closing.wait(20)
            return None
        if fault == "corrupt":
            data = data[:-1] + bytes([data[-1] ^ 255])
        elif fault == "page":
            data = b"<html>Please sign in to this network.</html>"
        elif fault == "long":
            data = data + bytes(100_000)
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        rest = data[start:]
        if fault == "slow":
            time.sleep(0.5)
        if fault in ("cut", "stall", "truncated"):  # 40 % of the file at most, then nothing more
            self.wfile.write(rest[: len(data) * 2 // 5])
            if fault == "stall":
                self.wfile.flush()
                self.server.closing.wait(20)
        else:
            self.wfile.write(rest)
        return None
