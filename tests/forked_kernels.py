"""Kernels for the labs, forked from one process that has imported PyTorch.

To import it takes seconds, and each lab has a kernel of its own. With ``--forked-kernels``
(`make test`) it is imported once, in a server, and each kernel is a copy of that process. Jupyter
starts this file in the kernel's place: it asks the server for a kernel, lives as long as that,
passes signals on to it, and takes it along when it is killed. `make run` and `make variants` run
the labs in kernels as a reader starts them.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

NAME = "forked"  # of the kind of kernel
SOCKET = "COURSE_KERNELS"  # the variable that holds the socket's path


def start(folder: Path) -> subprocess.Popen[bytes]:
    """Start the server and tell Jupyter of it; to end it, close its standard input."""
    kind = folder / "kernels" / NAME
    kind.mkdir(parents=True)
    command = [sys.executable, "-S", __file__, "-f", "{connection_file}"]
    spec = {"argv": command, "display_name": NAME, "language": "python"}
    (kind / "kernel.json").write_text(json.dumps(spec))
    known = os.environ.get("JUPYTER_PATH")
    os.environ["JUPYTER_PATH"] = os.pathsep.join(filter(None, (str(folder), known)))
    os.environ[SOCKET] = str(folder / "socket")
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(os.environ[SOCKET])
    listening.listen(16)  # who asks before the server is ready, waits
    with listening:
        return subprocess.Popen(
            [sys.executable, "-W", "ignore", __file__],
            stdin=subprocess.PIPE,
            pass_fds=[listening.fileno()],
            env={**os.environ, SOCKET: str(listening.fileno())},
        )


def serve() -> None:
    """Fork a kernel for each that asks, until standard input is closed."""
    import ipykernel.ipkernel  # noqa: F401
    import sklearn  # noqa: F401
    import torch._dynamo  # noqa: F401  with the first optimizer every lab imports it

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(sys.stdin.buffer.read,), daemon=True).start()
    listening = socket.socket(fileno=int(os.environ[SOCKET]))
    while True:
        asking, _ = listening.accept()
        if os.fork() == 0:
            listening.close()
            _become_kernel(asking)
        asking.close()


def _end_with(wait: Callable[..., object], *arguments: int) -> None:
    wait(*arguments)
    os._exit(0)


def _become_kernel(asking: socket.socket) -> None:
    text, files, *_ = socket.recv_fds(asking, 1 << 20, 3)
    asked = json.loads(text)
    for number, file in enumerate(files):
        os.dup2(file, number)
    os.setsid()
    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update(asked["environment"])
    sys.argv = ["ipykernel_launcher", *asked["arguments"]]
    sys.path[0] = ""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    asking.sendall(str(os.getpid()).encode())
    threading.Thread(target=_end_with, args=(asking.recv, 1), daemon=True).start()
    from ipykernel.kernelapp import launch_new_instance  # not before: it reads the environment

    launch_new_instance()
    os._exit(0)


def ask() -> None:
    """Stand in for the kernel that the server makes."""
    asking = socket.socket(socket.AF_UNIX)
    asking.connect(os.environ[SOCKET])
    asked = {"folder": os.getcwd(), "environment": dict(os.environ), "arguments": sys.argv[1:]}
    socket.send_fds(asking, [json.dumps(asked).encode()], [0, 1, 2])
    kernel = int(asking.recv(20))
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, frame: os.kill(kernel, number))
    asking.recv(1)  # nothing comes: it returns when the kernel has ended


if __name__ == "__main__":
    if sys.argv[1:]:
        ask()
    else:
        serve()
