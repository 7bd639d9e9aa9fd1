"""Interactive documentation at `/docs`: Swagger UI without a CDN, dark where the system is dark, with a way back."""

from fastapi import APIRouter, Request
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse

ASSETS = "/docs-assets"
# Swagger UI is white whatever the reader chose. Inverting it keeps its contrasts; turning the hues keeps its colours.
STYLE = """<meta name="color-scheme" content="light dark"><style>
body { margin: 0; }
.back { display: block; padding: .6rem 1rem; font: 16px system-ui, sans-serif; color: #0060a0; background: #fff; }
@media (prefers-color-scheme: dark) {
  html { background: #14171b; }
  body { background: #fff; filter: invert(.9) hue-rotate(180deg); }
  .swagger-ui .microlight { filter: invert(1) hue-rotate(180deg); }
}
</style></head>"""
BACK = '<body><a class="back" href="/">← convserve</a>'

router = APIRouter(include_in_schema=False)


@router.get("/docs")
async def get_docs(request: Request) -> HTMLResponse:
    """The page."""
    root = request.scope.get("root_path", "")
    page = get_swagger_ui_html(
        openapi_url=f"{root}/openapi.json",
        title="convserve: API documentation",
        swagger_js_url=f"{root}{ASSETS}/swagger-ui-bundle.js",
        swagger_css_url=f"{root}{ASSETS}/swagger-ui.css",
        swagger_favicon_url=f"{root}{ASSETS}/favicon.png",
    )
    text = bytes(page.body).decode()
    return HTMLResponse(
        text.replace("</head>", STYLE, 1).replace("<body>", BACK, 1).replace("<html>", '<html lang="en">')
    )
