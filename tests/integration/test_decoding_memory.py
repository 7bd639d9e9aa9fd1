"""Decoding takes the memory that is told from the header, measured in a process of its own."""

import json
import subprocess
import sys

import pytest

MB = 1_000_000
PIXELS = (3000, 2000)
MEASURE = """
import ctypes, gc, io, json, re
import numpy as np
from pathlib import Path
from PIL import Image
from worker.pictures.cost import picture_cost
from worker.pictures.pixels import PictureLimits, decode_picture

def memory(name):
    return int(re.search(name + r":\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024

def encode(picture, kind, **options):
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()

size = {size}
colour = Image.effect_noise((60, 40), 90).convert("RGB").resize(size)
deep = Image.fromarray(np.zeros(size[::-1], np.uint16))
pictures = {{
    "JPEG": encode(colour, "JPEG"),
    "JPEG in CMYK": encode(colour.convert("CMYK"), "JPEG"),
    "progressive JPEG": encode(colour, "JPEG", progressive=True),
    "progressive JPEG 4:4:4": encode(colour, "JPEG", progressive=True, subsampling=0),
    "WebP": encode(colour, "WEBP", method=0),
    "lossless WebP": encode(colour, "WEBP", lossless=True, method=0, quality=0),
    "transparent WebP": encode(Image.new("RGBA", size, (1, 2, 3, 4)), "WEBP", method=0),
    "BMP": encode(colour, "BMP"),
    **{{
        f"PNG {{mode}}": encode(colour.convert(mode), "PNG", compress_level=1)
        for mode in ("1", "L", "P", "RGB", "RGBA", "LA")
    }},
    "PNG of 16 bits": encode(deep, "PNG", compress_level=1),
    "PNG with a transparent colour": encode(colour, "PNG", compress_level=1, transparency=(1, 2, 3)),
    "PNG with a transparent palette": encode(colour.convert("P"), "PNG", compress_level=1, transparency=0),
}}
shape, limits, found = (224, 224, 3), PictureLimits(10**9), {{}}
decode_picture(encode(colour.resize((300, 300)), "WEBP"), shape, limits)
for name, data in pictures.items():
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")
    before = memory("VmRSS")
    decode_picture(data, shape, limits)
    found[name] = [picture_cost(data, shape).memory_bytes, memory("VmHWM") - before]
print(json.dumps(found))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the memory of a process is read from /proc")
def test_no_picture_takes_more_memory_than_its_header_tells() -> None:
    code = MEASURE.format(size=PIXELS)
    output = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    found = json.loads(output)
    assert len(found) == 17
    too_much = {name: pair for name, pair in found.items() if pair[1] > 1.1 * pair[0] + 4 * MB}
    far_too_little = {name: pair for name, pair in found.items() if pair[1] < 0.5 * pair[0] - 4 * MB}
    assert (too_much, far_too_little) == ({}, {})
