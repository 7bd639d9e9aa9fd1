"""The hosts' network: a namespace for each, and one for the bridge that joins them; links are cut and slowed here.

Must run inside the namespaces that `namespaces.run_inside` makes.
"""

import subprocess
import sys
from pathlib import Path
from typing import Literal

from benchmarks.hosts.plan import CLIENT, Host

SWITCH, BRIDGE, UPLINK = "switch", "bridge", "eth0"
NAMED = Path("/run/netns")
DELAY_MS, LOSS_PERCENT = 80, 2
"""Of a slowed host, in each direction."""
Means = Literal["tc netem", "benchmarks.hosts.slow_link"]


class Network:
    """Builds itself; what it builds goes with the namespaces around it.

    Attributes:
        slowed_by: what slows a link: the kernel's netem, or a program of ours where the kernel has none.
    """

    def __init__(self) -> None:
        self._slow_links: dict[Host, subprocess.Popen[bytes]] = {}
        _run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")
        _ip("netns", "add", SWITCH)
        _ip("-n", SWITCH, "link", "add", BRIDGE, "type", "bridge")
        _ip("-n", SWITCH, "link", "set", BRIDGE, "up")
        self.slowed_by: Means = "tc netem" if _has_netem() else "benchmarks.hosts.slow_link"
        self._plug(CLIENT, ())

    def add(self, host: Host) -> None:
        """Make a host without processes."""
        _ip("netns", "add", host.name)
        self._plug(host, ("-n", host.name))

    def cut(self, host: Host) -> None:
        """Unplug a host: what it sends and what is sent to it is lost, and nobody is told."""
        _ip("-n", SWITCH, "link", "set", _port(host), "down")

    def join(self, host: Host) -> None:
        """Plug it in again."""
        _ip("-n", SWITCH, "link", "set", _port(host), "up")

    def slow(self, host: Host) -> None:
        """Delay every packet of a host by 80 ms and lose 2 % of them, in both directions."""
        if self.slowed_by == "tc netem":
            for namespace, device in ((SWITCH, _port(host)), (host.name, UPLINK)):
                _run("tc", "-n", namespace, "qdisc", "add", "dev", device, "root", "netem", *_netem())
            return
        port, relay, plugged = _port(host), f"slow-{host.name}", f"in-{host.name}"
        _ip("-n", SWITCH, "link", "add", relay, "type", "veth", "peer", "name", plugged)
        _ip("-n", SWITCH, "link", "set", relay, "up")
        _ip("-n", SWITCH, "link", "set", port, "nomaster")
        _ip("-n", SWITCH, "link", "set", plugged, "master", BRIDGE, "up")
        command = [sys.executable, "-m", "benchmarks.hosts.slow_link", port, relay, str(DELAY_MS), str(LOSS_PERCENT)]
        self._slow_links[host] = subprocess.Popen(inside(SWITCH, command))

    def quicken(self, host: Host) -> None:
        """End what `slow` began."""
        if self.slowed_by == "tc netem":
            for namespace, device in ((SWITCH, _port(host)), (host.name, UPLINK)):
                _run("tc", "-n", namespace, "qdisc", "del", "dev", device, "root")
            return
        process = self._slow_links.pop(host)
        process.kill()
        process.wait()
        _ip("-n", SWITCH, "link", "del", f"slow-{host.name}")
        _ip("-n", SWITCH, "link", "set", _port(host), "master", BRIDGE)

    def _plug(self, host: Host, namespace: tuple[str, ...]) -> None:
        """Give a host its end of a link, an address and a loopback interface; the other end is a port of the bridge."""
        _ip(*namespace, "link", "add", UPLINK, "type", "veth", "peer", "name", _port(host), "netns", SWITCH)
        _ip("-n", SWITCH, "link", "set", _port(host), "master", BRIDGE, "up")
        _ip(*namespace, "address", "add", host.interface, "dev", UPLINK)
        for device in (UPLINK, "lo"):
            _ip(*namespace, "link", "set", device, "up")


def inside(namespace: str, command: list[str]) -> list[str]:
    """A command that runs in a network namespace, under a host name of its own."""
    naming = 'printf %s "$0" > /proc/sys/kernel/hostname && exec "$@"'
    return ["nsenter", f"--net={NAMED / namespace}", "unshare", "--uts", "sh", "-c", naming, namespace, *command]


def _port(host: Host) -> str:
    return f"port-{host.name}"


def _has_netem() -> bool:
    tried = subprocess.run(
        ["tc", "-n", SWITCH, "qdisc", "add", "dev", BRIDGE, "root", "netem", *_netem()],
        capture_output=True,
        check=False,
    )
    if tried.returncode == 0:
        _run("tc", "-n", SWITCH, "qdisc", "del", "dev", BRIDGE, "root")
    return tried.returncode == 0


def _netem() -> list[str]:
    return ["delay", f"{DELAY_MS}ms", "loss", f"{LOSS_PERCENT}%"]


def _ip(*arguments: str) -> None:
    _run("ip", *arguments)


def _run(*command: str) -> None:
    subprocess.run(command, check=True)
