"""What a connection reads in a header: its size, its `Host`, the wish for another protocol."""

import pytest

from service.web.request_headers import header_size, header_without_upgrade, is_host_valid


def test_a_header_has_the_size_it_was_sent_with() -> None:
    sent = b"Host: api\r\nX: 1\r\n"
    assert header_size(b"/predict", [(b"host", b"api"), (b"x", b"1")]) == len(b"/predict") + len(sent)


@pytest.mark.parametrize(
    ("version", "n_hosts", "is_valid"),
    [("1.1", 1, True), ("1.1", 0, False), ("1.1", 2, False), ("1.0", 0, True), ("1.0", 1, True), ("1.0", 2, False)],
)
def test_there_is_one_host(version: str, n_hosts: int, is_valid: bool) -> None:
    assert is_host_valid(version, [(b"host", b"api")] * n_hosts + [(b"x", b"1")]) is is_valid


@pytest.mark.parametrize(
    ("connection", "kept"),
    [
        (b"Upgrade", b""),
        (b"Upgrade, HTTP2-Settings", b"connection:  HTTP2-Settings\r\n"),
        (b"close,upgrade", b"connection: close\r\n"),
        (b"keep-alive", b"connection: keep-alive\r\n"),
    ],
)
def test_the_wish_for_another_protocol_is_taken_out(connection: bytes, kept: bytes) -> None:
    headers = [(b"connection", connection), (b"upgrade", b"h2c"), (b"content-length", b"5")]
    expected = b"POST /a?b HTTP/1.1\r\n" + kept + b"content-length: 5\r\n\r\n"
    assert header_without_upgrade(b"POST", b"/a?b", b"1.1", headers) == expected
