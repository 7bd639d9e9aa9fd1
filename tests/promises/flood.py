"""Floods a port with headers, in a process of its own: `python flood.py PORT SECONDS BEGIN PIECE`; prints what it sent.

Every connection sends the beginning and then the piece again and again, until the server closes it. Both are given as
Python literals of bytes.
"""

import ast
import socket
import sys
import time

MOST_BYTES = 400_000_000


def flood(port: int, begin: bytes, piece: bytes) -> int:
    """Bytes that one connection could send."""
    n_bytes = 0
    try:
        with socket.create_connection(("127.0.0.1", port), 10) as connection:
            connection.sendall(begin)
            while n_bytes < MOST_BYTES:
                n_bytes += connection.send(piece)
    except OSError:
        pass  # closed by the server
    return n_bytes


def main(port: int, seconds: float, begin: bytes, piece: bytes) -> None:
    """Flood for so long; print the number of connections and the most bytes of one."""
    ends_at, sent = time.monotonic() + seconds, []
    while time.monotonic() < ends_at:
        sent.append(flood(port, begin, piece))
    sys.stdout.write(f"{len(sent)} {max(sent)}\n")


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]), *(ast.literal_eval(part) for part in sys.argv[3:]))
