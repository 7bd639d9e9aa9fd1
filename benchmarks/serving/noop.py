"""What the ratios are of: FastAPI endpoints that only read an upload, written as its documentation writes them.

uvicorn --factory benchmarks.serving.noop:create_app
"""

from typing import Annotated

from fastapi import FastAPI, File, Request, UploadFile


def create_app() -> FastAPI:
    """Two endpoints that read and answer, and one that does not even read."""
    app = FastAPI()

    @app.post("/form")
    async def form(file: Annotated[list[UploadFile], File()]) -> dict[str, int]:
        return {"bytes": sum([len(await part.read()) for part in file])}

    @app.post("/raw")
    async def raw(request: Request) -> dict[str, int]:
        return {"bytes": len(await request.body())}

    return app
