"""Be a line that delays: pass on what comes to a port of this host, each way some time later.

Usage: python tests/bench/proxy.py PORT [--delay SECONDS]

It prints the port on which it listens, and passes on until it is killed. It is a process of its
own, so that it takes no time from the interpreters that are measured. The bandwidth is that of the
machine: all that has come is on its way at once, up to `ON_THE_WAY` reads; beyond that the sender
has to wait, as with a full window. To connect takes a round trip too. Unlike on a real line the
acknowledgements of TCP come at once, so there is no slow start.
"""

import argparse
import contextlib
import socket
import sys
import threading
import time
from queue import Queue

HOST = "127.0.0.1"
READ = 256 * 1024
"""Bytes that are read at most at a time."""
ON_THE_WAY = 512
"""Reads that may be on the way: 128 MB, which no loopback fills in 20 ms."""


def end(*sockets: socket.socket) -> None:
    """Have whoever waits for a socket find that it has ended."""
    for sock in sockets:
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)


def take(source: socket.socket, way: Queue[tuple[float, bytes]], delay: float) -> None:
    """Put what comes on the way, with the time at which it is due; at the end put nothing."""
    data = b"-"
    while data:
        try:
            data = source.recv(READ)
        except OSError:
            data = b""
        way.put((time.monotonic() + delay, data))


def deliver(way: Queue[tuple[float, bytes]], target: socket.socket, source: socket.socket) -> None:
    """Send what is on the way when it is due; an end is passed on as an end of this way only."""
    lost = False
    while True:
        due, data = way.get()
        if not data:
            break
        if lost:
            continue  # so that the one who takes is never left waiting for room
        time.sleep(max(0.0, due - time.monotonic()))
        try:
            target.sendall(data)
        except OSError:
            lost = True
            end(source, target)
    time.sleep(max(0.0, due - time.monotonic()))
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def serve(outside: socket.socket, port: int, delay: float) -> None:
    """Pass on both ways between a connection and one that is made for it."""
    with outside:
        time.sleep(2 * delay)  # nothing is sent before the answer to a connection request is here
        try:
            inside = socket.create_connection((HOST, port))
        except OSError:
            return
        with inside:
            threads = []
            for source, target in ((outside, inside), (inside, outside)):
                source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                way: Queue[tuple[float, bytes]] = Queue(ON_THE_WAY)
                threads.append(threading.Thread(target=take, args=(source, way, delay)))
                threads.append(threading.Thread(target=deliver, args=(way, target, source)))
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()


def main() -> None:
    """Read the command line and pass on."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("port", type=int, help="the port to pass on to")
    parser.add_argument("--delay", type=float, default=0.02, help="seconds each way")
    arguments = parser.parse_args()
    with socket.create_server((HOST, 0), backlog=128) as listener:
        sys.stdout.write(f"{listener.getsockname()[1]}\n")
        sys.stdout.flush()
        while True:
            outside, _ = listener.accept()
            threading.Thread(
                target=serve, args=(outside, arguments.port, arguments.delay), daemon=True
            ).start()


if __name__ == "__main__":
    main()
