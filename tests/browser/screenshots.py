"""Pictures of the page for README and docs: `python -m tests.browser.screenshots URL FOLDER`.

The server at the URL must have runs.
Only models and runs on Fashion-MNIST are shown, whose pictures may be published.
"""

import sys
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Page, sync_playwright

from tests.browser.conftest import CHROMIUM, FLAGS

DATASET = "fashion_mnist_sample"
WIDTH, HEIGHT = 1200, 960
DRAWN_MS = 4000
"""For pictures and curves to be there."""


def main() -> None:
    """Take the pictures of five screens."""
    url, folder = sys.argv[1].rstrip("/"), Path(sys.argv[2])
    with httpx.Client(base_url=url, timeout=30) as api, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, reduced_motion="reduce")
        for name, address in screens(api).items():
            take(page, f"{url}/{address}", folder / f"page-{name}.png")
        browser.close()


def screens(api: httpx.Client) -> dict[str, str]:
    """Where the five screens are on this server, by the name of the picture.

    Raises:
        SystemExit: the server has no model that was trained on Fashion-MNIST.
    """
    models = api.get("/models").json()["models"]
    found = [(model["name"], line) for model in models for line in model["versions"] if line["dataset"] == DATASET]
    if not found:
        raise SystemExit(f"this server has no model of {DATASET}; press the first button of its page")
    name, version = max(found, key=lambda entry: entry[1]["published_at"])
    jobs = api.get("/jobs", params={"state": "succeeded", "limit": 100}).json()["jobs"]
    runs = _alike([job for job in jobs if job["request"]["dataset"] == DATASET])
    address = f"{name}/{version['version']}"
    return {
        "run": f"#/run/{version['job']}",
        "model": f"#/model/{address}{_worst_cell(api, address)}",
        "look": f"#/look/{address}?dataset={DATASET}&index=12",
        "compare": f"#/compare?jobs={','.join(runs)}",
        "learn": "#/learn",
    }


def _alike(jobs: list[dict[str, Any]]) -> list[str]:
    """The runs that differ in little: those of the commonest number of epochs."""
    epochs = [job["request"]["epochs"] for job in jobs]
    commonest = max(epochs, key=epochs.count)
    return [job["id"] for job in jobs if job["request"]["epochs"] == commonest][:6]


def _worst_cell(api: httpx.Client, address: str) -> str:
    name, version = address.split("/")
    evaluation: dict[str, Any] = api.get(f"/models/{name}/versions/{version}/files/evaluation.json").json()
    cells = [
        (count, row, column)
        for row, line in enumerate(evaluation["confusion_matrix"])
        for column, count in enumerate(line)
        if row != column
    ]
    _, row, column = max(cells)
    return f"?true={evaluation['classes'][row]}&predicted={evaluation['classes'][column]}"


def take(page: Page, address: str, file: Path) -> None:
    """One picture; of a model and of the lesson what is further down."""
    page.goto(address)
    page.wait_for_timeout(DRAWN_MS)
    if "/model/" in address:
        page.get_by_role("region", name="Mistakes").first.scroll_into_view_if_needed()
        page.evaluate("scrollTo(0, document.querySelector('.mistakes').getBoundingClientRect().top + scrollY - 160)")
        page.wait_for_timeout(DRAWN_MS // 4)
    if "/learn" in address:
        page.get_by_role("region", name="Convolution").evaluate("panel => scrollTo(0, panel.offsetTop - 100)")
    page.screenshot(path=file)


if __name__ == "__main__":
    main()
