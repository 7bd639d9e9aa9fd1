"""Joins two network interfaces as a slow and lossy cable does, for kernels without netem.

    python -m benchmarks.hosts.slow_link ONE OTHER DELAY_MS LOSS_PERCENT

Every packet that arrives at one interface leaves by the other after the delay, or is lost. Packets keep the header that
the kernel has for them (`PACKET_VNET_HDR`), because between namespaces their checksums are not filled in yet, and
several may still be one.
"""

import argparse
import random
import select
import socket
import time
from collections import deque
from contextlib import suppress

SOL_PACKET, PACKET_VNET_HDR = 263, 15
EVERY_PROTOCOL = 3
MOST_BYTES = 1 << 17


def main() -> None:
    """Run until the process is ended."""
    parser = argparse.ArgumentParser(description="A slow and lossy cable between two interfaces.")
    parser.add_argument("interfaces", nargs=2)
    parser.add_argument("delay_ms", type=float)
    parser.add_argument("loss_percent", type=float)
    options = parser.parse_args()
    one, other = map(opened, options.interfaces)
    forward({one: other, other: one}, options.delay_ms / 1e3, options.loss_percent / 100)


def opened(interface: str) -> socket.socket:
    """A socket for all packets of an interface."""
    found = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(EVERY_PROTOCOL))
    found.bind((interface, EVERY_PROTOCOL))
    found.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
    return found


def forward(other_of: dict[socket.socket, socket.socket], delay_s: float, loss: float) -> None:
    """Take packets from each socket to the other one."""
    waiting: deque[tuple[float, socket.socket, bytes]] = deque()
    while True:
        pause_s = max(0.0, waiting[0][0] - time.monotonic()) if waiting else None
        arrived, _, _ = select.select(list(other_of), [], [], pause_s)
        for source in arrived:
            packet, address = source.recvfrom(MOST_BYTES)
            if address[2] != socket.PACKET_OUTGOING and random.random() >= loss:
                waiting.append((time.monotonic() + delay_s, other_of[source], packet))
        while waiting and waiting[0][0] <= time.monotonic():
            _, target, packet = waiting.popleft()
            with suppress(OSError):  # the other interface is down: the packet is lost
                target.send(packet)


if __name__ == "__main__":
    main()
