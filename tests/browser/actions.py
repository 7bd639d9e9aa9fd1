"""What people do on the page, for the tests that train."""

import json

from playwright.sync_api import Page, Route, expect

TRAINING_MS = 300_000
"""A training of seconds, on a busy machine."""
PICTURES = 400
EPOCHS = 2


def make_it_short(page: Page, **changes: object) -> None:
    """Trainings of this page have fewer pictures and epochs."""

    def shorter(route: Route) -> None:
        if route.request.method != "POST":
            route.continue_()
            return
        body = json.loads(route.request.post_data or "{}")
        if "grid" in body:
            body["grid"] |= {"seed": [1]}
        route.continue_(post_data=json.dumps(body | {"epochs": EPOCHS, "train_samples": PICTURES} | changes))

    page.route("**/jobs", shorter)


def train(page: Page) -> None:
    """Wait on the run's screen until it has ended."""
    expect(page.get_by_role("link", name="Try it on a picture")).to_be_visible(timeout=TRAINING_MS)


def drop(page: Page, name: str, content: bytes) -> None:
    """Drop a file on the place for pictures."""
    transfer = page.evaluate_handle(
        """([name, bytes]) => {
          const transfer = new DataTransfer();
          transfer.items.add(new File([new Uint8Array(bytes)], name, { type: "image/png" }));
          return transfer;
        }""",
        [name, list(content)],
    )
    page.locator(".drop").dispatch_event("drop", {"dataTransfer": transfer})
