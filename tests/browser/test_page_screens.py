"""Every screen on a phone and on a desk, light and dark: it fits, it is silent, it is light, everybody can read it."""

import re
from typing import Literal

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page, expect

from tests.browser.fake_server import ORIGIN, FakeServer

PAGE_BYTES = 150_000
SCREENS = {
    "runs": "#/",
    "new": "#/new",
    "run": "#/run/job000009",
    "failed": "#/run/job000003",
    "many": "#/run/job000007",
    "compare": "#/compare?jobs=job000001,job000002",
    "models": "#/models",
    "model": "#/model/clothes/1?true=T-shirt/top&predicted=帽子と靴",
    "look": "#/look/clothes/1?dataset=fashion_mnist_sample&index=1",
    "data": "#/data",
    "dataset": "#/data/fashion_mnist_sample",
    "learn": "#/learn",
    "class": "#/class",
}
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"], "resultTypes": ["violations"]}
AXE = "async (options) => (await axe.run(options)).violations"
Scheme = Literal["light", "dark"]
PHONE, DESK = 390, 1400
LOOKS = [
    [("dark", PHONE), ("light", DESK)],
    pytest.param([("light", PHONE), ("dark", DESK)], marks=pytest.mark.long),
]


@pytest.mark.parametrize("looks", LOOKS)
@pytest.mark.parametrize("screen", SCREENS)
def test_a_screen_fits_is_silent_and_can_be_read_by_everybody(
    page: Page, fake: FakeServer, console: list[str], screen: str, looks: list[tuple[Scheme, int]]
) -> None:
    faults: list[object] = []
    for scheme, width in looks:
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": 900})
        if page.url == "about:blank":
            page.goto(f"{ORIGIN}/{SCREENS[screen]}")
        expect(page.locator("main table, main h2").first).to_be_visible()
        expect(page.get_by_role("status").filter(has_text=re.compile("^(Reading|Opening)"))).to_have_count(0)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        faults += [(scheme, width, *fault) for fault in serious_faults(page)]
        faults += [(scheme, width, *fault) for fault in page.evaluate(FAINT)]
    assert faults == []
    assert console == []
    assert PAGE_BYTES / 3 < fake.bundle_bytes <= PAGE_BYTES  # all of it was sent, whatever the tab has shown before


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_an_answer_can_be_read_until_a_newer_one_comes(page: Page, fake: FakeServer, scheme: Scheme) -> None:
    page.emulate_media(color_scheme=scheme)
    page.goto(f"{ORIGIN}/{SCREENS['new']}")
    answer = page.get_by_role("region", name="What it takes").get_by_role("status")
    expect(answer).to_contain_text("parameters")
    fake.to_hold = lambda path, _: path == "/jobs"
    page.get_by_role("spinbutton", name="Epochs").fill("3")
    expect(answer).to_have_class("old")
    assert page.evaluate(FAINT) == []


def serious_faults(page: Page) -> list[tuple[str, str]]:
    """What axe calls serious or critical: the rule, and the element."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    violations = page.evaluate(AXE, RULES)
    return [
        (violation["id"], node["html"][:200])
        for violation in violations
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
    ]


FAINT = """() => {
  const numbers = (colour) => { const [r, g, b, a = 1] = colour.match(/[\\d.]+/g).map(Number); return [r, g, b, a]; };
  const over = ([r, g, b, a], [R, G, B]) => [r * a + R * (1 - a), g * a + G * (1 - a), b * a + B * (1 - a), 1];
  const light = (colour) => colour.slice(0, 3).map((part) => part / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
    .reduce((sum, part, at) => sum + part * [0.2126, 0.7152, 0.0722][at], 0);
  const ground = (element) => {
    if (!element) return [255, 255, 255, 1];
    const own = numbers(getComputedStyle(element).backgroundColor);
    return own[3] === 1 ? own : over(own, ground(element.parentElement));
  };
  const faint = [];
  for (const element of document.querySelectorAll("body *")) {
    const text = [...element.childNodes].filter((node) => node.nodeType === 3).map((node) => node.data.trim()).join("");
    if (!text || !element.checkVisibility({ visibilityProperty: true })) continue;
    if (element.closest(":disabled, svg, .hidden, option")) continue;
    const style = getComputedStyle(element);
    const back = ground(element);
    let opacity = 1;
    for (let at = element; at; at = at.parentElement) opacity *= Number(getComputedStyle(at).opacity);
    const [r, g, b, a] = numbers(style.color);
    const [one, other] = [light(over([r, g, b, a * opacity], back)), light(back)];
    const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    const size = parseFloat(style.fontSize);
    const isLarge = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    if (ratio < (isLarge ? 3 : 4.5)) faint.push(["contrast", `${ratio.toFixed(2)}:1 ${text.slice(0, 60)}`]);
  }
  return faint;
}"""
"""Texts with too little contrast by their computed colours: axe leaves many as incomplete."""
