"""Adds a protocol like TorchServe's, by the steps of CONTRIBUTING.md."""

import json
from pathlib import Path

from tests.examples.copied_sources import CopiedSources

USE = """
from tests.examples.asked import ask
from tests.unit.service.tiny_networks import grey_picture

async def conversation(client):
    good = await client.post("/predictions/brightness", content=grey_picture(3))
    unknown = await client.post("/predictions/nobody", content=grey_picture(3))
    broken = await client.post("/predictions/brightness", content=b"no picture")
    return [[answer.status_code, answer.json()] for answer in (good, unknown, broken)]

ask(conversation)
"""


def test_a_protocol_is_added_by_a_module_and_its_addresses(sources: CopiedSources) -> None:
    sources.add_file("service/protocols/torch_routes.py", Path(__file__).with_name("added_protocol.py"))
    app, urls = "service/app.py", "service/predict/urls.py"
    sources.insert(app, after="from service.protocols import (", text="\n    torch_routes,")
    sources.insert(app, after="\nROUTES = (", text="\n    torch_routes,")
    sources.insert("service/protocols/faults.py", after="\nPREFIXES = (", text='"/predictions", ')
    sources.insert(urls, after='STREAMED = re.compile(\n    rf"', text="/predictions/[^/]+|")
    sources.insert(urls, after='_PREDICTING = re.compile(\n    rf"', text="/predictions/[^/]+|")
    good, unknown, broken = json.loads(sources.run(USE))
    assert good[0] == 200
    assert max(good[1], key=good[1].__getitem__) == "brightness 3"
    assert unknown[0] == 404
    assert list(unknown[1]) == ["error"]
    assert broken[0] == 400
    assert list(broken[1]) == ["error"]
