"""`convserve keys`, on a store without a server; and listening where a key is needed."""

import json
from pathlib import Path

import pytest

from model_store import open_store
from service.cli import main
from service.cli.errors import CommandFailed
from service.cli.listening import listen, with_keys_where_needed
from service.keys.needed import are_keys_needed
from service.keys.tokens import digest_of, is_well_formed
from service.settings import ApiSettings


@pytest.fixture(autouse=True)
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CONVSERVE_DATA_DIR", str(tmp_path))
    monkeypatch.setattr("os.umask", lambda mask: 0)
    return tmp_path


def run(*arguments: str) -> None:
    with pytest.raises(SystemExit) as ending:
        main(["keys", *arguments])
    assert not ending.value.code


def test_a_key_is_made_listed_and_revoked(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("create", "ada", "--scope", "train", "--expires", "30d")
    shown = capsys.readouterr()
    token = shown.out.strip()
    assert is_well_formed(token.encode())
    assert "ada (train, expires " in shown.err
    stored = open_store(str(data_dir / "store")).keys.all()
    assert [(key.name, key.sha256) for key in stored] == [("ada", digest_of(token.encode()).hex())]
    run("list")
    assert "active" in (listed := capsys.readouterr().out)
    assert token not in listed
    run("revoke", "ada")
    capsys.readouterr()
    run("list", "--json")
    keys = json.loads(capsys.readouterr().out)["keys"]
    assert [(key["name"], key["state"]) for key in keys] == [("ada", "revoked")]


def test_in_a_pipe_each_key_is_one_whole_line(capsys: pytest.CaptureFixture[str]) -> None:
    names = [f"{'the-course-in-spring-' * 2}{number}" for number in range(2)]
    for name in names:
        run("create", name, "--scope", "train", "--expires", "30d")
    capsys.readouterr()
    run("list")
    _, *lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:3] for line in lines] == [[name, "train", "active"] for name in names]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["create", "ada", "--scope", "root"], "--scope: expected predict, read, train, admin, got 'root'"),
        (["create", "Ada", "--scope", "train"], "invalid name of a key"),
        (["create", "ada", "--scope", "train", "--expires", "soon"], "the expiry of a key is a duration"),
        (["revoke", "nobody"], "there is no key 'nobody'"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ending:
        main(["keys", *arguments])
    assert ending.value.code == 1
    assert complaint.lower() in capsys.readouterr().err.lower()


def test_an_admin_key_in_the_store_opens_other_addresses(data_dir: Path) -> None:
    settings = ApiSettings(host="0.0.0.0", data_dir=data_dir)
    run("create", "ada", "--scope", "train")
    with listen("0.0.0.0", 0) as listener, pytest.raises(CommandFailed, match="keys create me --scope admin"):
        with_keys_where_needed(listener, settings)
    run("create", "me", "--scope", "admin")
    with listen("0.0.0.0", 0) as listener:
        assert with_keys_where_needed(listener, settings).auth == "on"


@pytest.mark.parametrize(
    ("settings", "needed"),
    [
        ({}, False),
        ({"host": "localhost"}, False),
        ({"host": "::1"}, False),
        ({"host": "127.8.0.1"}, False),
        ({"host": "0.0.0.0"}, True),
        ({"host": "192.168.1.5"}, True),
        ({"auth": "ON"}, True),
        ({"admin_key": "0123456789abcdef"}, True),
    ],
)
def test_keys_are_needed_wherever_others_can_come(settings: dict[str, str], needed: bool) -> None:
    assert are_keys_needed(ApiSettings.model_validate(settings)) is needed
