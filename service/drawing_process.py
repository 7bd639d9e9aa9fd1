"""Draws a picture in a process of its own: matplotlib never enters the API process."""

import asyncio
import sys


async def drawn(module: str, *arguments: str, data: bytes) -> bytes:
    """Run a module that reads data on its standard input and writes a picture to its standard output.

    Raises:
        RuntimeError: the process failed.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    picture, complaint = await process.communicate(data)
    if process.returncode:
        raise RuntimeError(f"{module} could not draw: {complaint.decode(errors='replace')[-500:]}")
    return picture
