"""Adds the route `GET /models/{name}/labels`, by the steps of CONTRIBUTING.md."""

import json
from pathlib import Path

from tests.examples.copied_sources import CopiedSources

USE = """
from tests.examples.asked import ask

async def conversation(client):
    good = await client.get("/models/brightness/labels")
    unknown = await client.get("/models/nobody/labels")
    paths = (await client.get("/openapi.json")).json()["paths"]
    return [good.json(), [unknown.status_code, unknown.json()["code"]], paths["/models/{name}/labels"]["get"]]

ask(conversation)
"""


def test_a_route_is_added_by_a_module_and_a_line(sources: CopiedSources) -> None:
    sources.add_file("service/routes/labels.py", Path(__file__).with_name("added_route.py"))
    sources.insert("service/app.py", after="from service.routes import (", text="\n    labels,")
    sources.insert("service/app.py", after="\nROUTES = (", text="\n    labels,")
    good, unknown, described = json.loads(sources.run(USE))
    assert good["labels"][3] == "brightness 3"
    assert unknown == [404, "model_not_found"]
    assert described["summary"] == "Labels of a model"
    assert "404" in described["responses"]
