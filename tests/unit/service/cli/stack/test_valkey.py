"""The private server's configuration and the wait for it."""

import stat
from pathlib import Path

import pytest

from service.cli.errors import CommandFailed, Stopped
from service.cli.stack.valkey import (
    ServerSilent,
    make_runtime_directory,
    redis_url,
    valkey_spec,
    wait_until_it_answers,
)


def test_the_server_listens_on_a_private_socket_and_loses_nothing(tmp_path: Path) -> None:
    runtime = tmp_path / 'with "quotes"'
    spec = valkey_spec(tmp_path / "valkey", runtime, lock=7)
    lines = (tmp_path / "valkey" / "valkey.conf").read_text().splitlines()
    assert {"port 0", "unixsocketperm 700", "appendonly yes", "appendfsync always"} <= set(lines)
    assert {'save ""', "maxmemory-policy noeviction"} <= set(lines)
    assert f'unixsocket "{tmp_path}/with \\"quotes\\"/valkey.sock"' in lines
    assert spec.directory == tmp_path / "valkey"
    assert spec.descriptors == (7,)


def test_the_runtime_directory_is_short_and_private() -> None:
    directory = make_runtime_directory()
    try:
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
        assert len(redis_url(directory)) < 100
    finally:
        directory.rmdir()


def test_the_runtime_directory_is_short_even_where_temporary_files_are_far_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    far = tmp_path / ("x" * 60)
    far.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(far))
    directory = make_runtime_directory()
    directory.rmdir()
    assert directory.parent == Path("/tmp")


def test_a_server_that_does_not_answer_is_given_up(tmp_path: Path) -> None:
    with pytest.raises(ServerSilent, match="did not answer within 0 s"):
        wait_until_it_answers(redis_url(tmp_path), lambda: None, limit_s=0)


def test_the_wait_ends_when_it_is_pointless(tmp_path: Path) -> None:
    def stop() -> None:
        raise Stopped(2)

    with pytest.raises(Stopped):
        wait_until_it_answers(redis_url(tmp_path), stop)


def test_an_address_that_is_none_is_named_by_its_variable() -> None:
    with pytest.raises(CommandFailed, match="CONVSERVE_REDIS_URL is not the address of a Redis server"):
        wait_until_it_answers("http://127.0.0.1", lambda: None)
