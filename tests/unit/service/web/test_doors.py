"""Which names and origins open the door."""

import pytest
from starlette.types import Scope

from service.errors import HostNotAllowed, OriginNotAllowed
from service.web.doors import Doors

OWN = {b"host": b"localhost:8000"}


def scope(method: str = "POST", path: str = "/jobs", server: tuple[str, int] = ("127.0.0.1", 8000)) -> Scope:
    return {"type": "http", "method": method, "path": path, "server": server}


@pytest.mark.parametrize(
    "host",
    [
        "localhost", "LOCALHOST:8000", "localhost.", "app.localhost:1", "127.0.0.1:8000", "127.8.8.8", "[::1]:8000",
        "lab.example", "Lab.Example:8000", "lab.example.:80", "a.gpu.example", "192.168.1.5:8000",
    ],
)  # fmt: skip
def test_own_names_are_let_in(host: str) -> None:
    doors = Doors(["lab.example", "*.gpu.example"], [])
    doors.check(scope("GET", server=("192.168.1.5", 8000)), {b"host": host.encode()})


@pytest.mark.parametrize(
    "host",
    [
        "evil.example", "localhost.evil.example", "evil-localhost", "lab.example.evil.example", "gpu.example", "", "*",
        "127.0.0.1.evil.example", "10.0.0.1:8000", "evil.example:8000", "2130706433", "0x7f000001",
        "lab.example@evil", "[::2]:8000",
    ],
)  # fmt: skip
def test_other_names_are_refused(host: str) -> None:
    doors = Doors(["lab.example", "*.gpu.example"], [])
    assert not doors.may_take_short_way({b"host": host.encode()})
    with pytest.raises(HostNotAllowed):
        doors.check(scope("GET"), {b"host": host.encode()})


def test_only_http_1_0_needs_no_name() -> None:
    Doors([], []).check({**scope("GET"), "http_version": "1.0"}, {})
    for refused in ({}, {b"host": b""}):
        with pytest.raises(HostNotAllowed):
            Doors([], []).check({**scope("GET"), "http_version": "1.1"}, refused)


def test_any_name_is_let_in_when_the_setting_says_so() -> None:
    Doors(["*"], []).check(scope(), {b"host": b"whatever.example"})


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {b"origin": b"http://localhost:8000"},
        {b"origin": b"https://LOCALHOST:8000", b"sec-fetch-site": b"same-origin"},
        {b"sec-fetch-site": b"none"},
        {b"origin": b"https://lab.example", b"sec-fetch-site": b"same-origin"},
    ],
)
def test_programs_and_our_own_page_may_change_things(headers: dict[bytes, bytes]) -> None:
    Doors(["lab.example"], []).check(scope(), OWN | headers)


@pytest.mark.parametrize(
    "headers",
    [
        {b"origin": b"https://evil.example"},
        {b"origin": b"null"},
        {b"origin": b""},
        {b"origin": b"http://localhost:3000"},
        {b"origin": b"http://localhost:8000.evil.example"},
        {b"origin": b"http://evil.example", b"sec-fetch-site": b"same-origin"},
        {b"origin": b"http://localhost:8000", b"sec-fetch-site": b"cross-site"},
        {b"sec-fetch-site": b"cross-site"},
        {b"sec-fetch-site": b"same-site"},
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "BREW"])
def test_pages_of_other_sites_may_change_nothing(headers: dict[bytes, bytes], method: str) -> None:
    doors = Doors([], [])
    assert not doors.may_take_short_way(OWN | headers)
    with pytest.raises(OriginNotAllowed):
        doors.check(scope(method), OWN | headers)
    doors.check(scope("GET"), OWN | headers)


def test_remembered_names_are_bounded() -> None:
    doors = Doors([], [])
    for number in range(5000):
        doors.may_take_short_way({b"host": f"{number}.example".encode()})
    assert doors.may_take_short_way(OWN)
    assert len(doors._known) <= 257
