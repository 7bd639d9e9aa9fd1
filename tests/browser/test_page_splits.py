"""An alias with a canary or a shadow: the page says how the versions compare, and begins and ends both."""

import json
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.fake_server import FIGURES, ORIGIN, SPLIT, FakeServer, did

ADDRESS = "/models/clothes/aliases/champion"
NONE = "\u2013"
SHADOW = {"version": 2, "weight": 0.5}


@pytest.fixture
def moved(fake: FakeServer) -> list[dict[str, Any]]:
    """What the page asks for when it changes the alias; the server does it."""
    bodies: list[dict[str, Any]] = []

    def change(_: dict[str, list[str]], body: bytes) -> object:
        bodies.append(json.loads(body))
        now = {"alias": "champion", "figures": None, "history": []} | bodies[-1]
        split = {role: bodies[-1].get(role) for role in ("canary", "shadow")}
        splits = {"champion": split} if any(split.values()) else {}
        fake.answers[ADDRESS] = now
        model = fake.record("/models/clothes")
        fake.answers["/models/clothes"] = model | {"aliases": {"champion": now["version"]}, "splits": splits}
        return now

    fake.answers[f"PUT {ADDRESS}"] = change
    return bodies


def versions(page: Page) -> Locator:
    return page.get_by_role("region", name="Versions and aliases", exact=True)


def table(page: Page) -> Locator:
    return page.get_by_role("region", name="Versions that take part in champion")


def part(page: Page, role: str) -> Locator:
    """The column of a version that takes part."""
    return table(page).get_by_role("columnheader").filter(has_text=role)


def test_the_versions_of_an_alias_are_compared(page: Page, fake: FakeServer) -> None:
    shadowed = SPLIT | {"shadow": SHADOW}
    fake.answers["/models/clothes"] = fake.record("/models/clothes") | {"splits": {"champion": shadowed}}
    figures = FIGURES | {"shadow": did(2, 400, agreement=0.925, agreed=370, dropped=3), "scope": "this process"}
    fake.answers[ADDRESS] = fake.record(ADDRESS) | {"shadow": SHADOW, "figures": figures}
    page.goto(f"{ORIGIN}/#/model/clothes/1")
    for name, told in (
        ("share of requests", ["90 %", "10 %", "50 %"]),
        ("requests", ["905", "1,095", "400"]),
        ("errors", ["0", "2", "0"]),
        ("median time", ["1.3 ms", "23 ms", "1.3 ms"]),
        ("same answer", [NONE, NONE, "92.5 %"]),
        ("right, by feedback", ["25 % of 12", NONE, NONE]),
    ):
        row = table(page).get_by_role("row").filter(has=page.get_by_role("rowheader", name=name, exact=True))
        expect(row.get_by_role("cell")).to_have_text(told)
    expect(versions(page)).to_contain_text("by one process of the server only, because Redis does not answer")


def test_a_canary_is_given_up_or_promoted(page: Page, moved: list[dict[str, Any]]) -> None:
    page.goto(f"{ORIGIN}/#/model/clothes/1")
    versions(page).get_by_role("button", name="Give up the canary").click()
    expect(part(page, "answers")).to_have_count(0)
    versions(page).get_by_role("button", name="Try version").wait_for(state="detached")
    page.goto(f"{ORIGIN}/#/model/clothes/2")
    versions(page).get_by_role("spinbutton").fill("2.5")
    versions(page).get_by_role("button", name="Try version 2").click()
    expect(part(page, "canary")).to_contain_text("version 2")
    expect(table(page).get_by_role("row", name="share of requests")).to_contain_text("2.5 %")
    expect(versions(page).get_by_role("status")).to_contain_text("Promoting also ends its canary.")
    versions(page).get_by_role("button", name="Promote the canary, version 2").click()
    expect(part(page, "canary")).to_have_count(0)
    expect(versions(page).get_by_text("champion is this version.")).to_be_visible()
    assert moved == [{"version": 1}, {"version": 1, "canary": {"version": 2, "weight": 0.025}}, {"version": 2}]


def test_a_shadow_beside_a_canary_comes_and_goes_alone(page: Page, moved: list[dict[str, Any]]) -> None:
    page.goto(f"{ORIGIN}/#/model/clothes/2")
    versions(page).get_by_role("combobox", name="Try it first as").select_option("shadow")
    expect(versions(page)).to_contain_text("Its answers are only compared; nobody gets them.")
    versions(page).get_by_role("spinbutton").fill("50")
    versions(page).get_by_role("button", name="Try version 2").click()
    expect(part(page, "shadow")).to_contain_text("version 2")
    versions(page).get_by_role("button", name="Remove the shadow").click()
    expect(part(page, "shadow")).to_have_count(0)
    expect(part(page, "canary")).to_have_count(1)
    canary = {"version": 1, "canary": SPLIT["canary"]}
    assert moved == [canary | {"shadow": SHADOW}, canary]
