"""The client in Java, of openapi-generator: compiled with its libraries, and used."""

import shutil
import sys
from pathlib import Path

from benchmarks.generated_clients import DOCUMENT, JAVA_CONFIG
from benchmarks.generated_clients.commands import run, tried

DEBIAN_PACKAGES = ("libhttpmime-java", "libhttpcore-java", "libgeronimo-annotation-1.3-spec-java")
"""What the client needs beside Jackson, which the generator brings, where Maven's repository cannot be reached."""
USE = Path(__file__).parent / "uses" / "Use.java"


def java_client(folder: Path, programs: Path, url: str, picture: Path) -> None:
    """Generate the client, compile it and use it; says what is missing where that is not possible.

    Args:
        folder: for everything that is made.
        programs: directory of the generator's environment.
        url: of a server.
        picture: to classify.
    """
    made = folder / "java-generated"
    options = ("-g", "java", "-i", str(DOCUMENT), "-c", str(JAVA_CONFIG), "-o", str(made))
    run(str(programs / "openapi-generator-cli"), "generate", *options)
    if not shutil.which("javac"):
        print("openapi-generator, java: generated; NOT COMPILED, since javac is not installed")
        return
    libraries = maven_libraries(folder, made) or debian_libraries(folder, programs)
    if not libraries:
        print("openapi-generator, java: generated; NOT COMPILED, since neither Maven nor apt-get found its libraries")
        return
    classes, path = str(folder / "classes"), ":".join(map(str, libraries))
    sources = map(str, [*(made / "src" / "main").rglob("*.java"), USE])
    run("javac", "-nowarn", "-proc:none", "-d", classes, "-cp", path, *sources)
    answer = run("java", "-cp", f"{classes}:{path}", "Use", url, str(picture))
    print(f"openapi-generator, java: compiled; trained, followed and predicted: {answer.strip()}")


def maven_libraries(folder: Path, made: Path) -> list[Path]:
    """Libraries as the client's `pom.xml` names them; none where Maven or its repository is missing."""
    if not shutil.which("mvn"):
        return []
    jars = folder / "maven"
    copied = ("dependency:copy-dependencies", f"-DoutputDirectory={jars}", "-DincludeScope=runtime")
    found = tried("mvn", "-B", "-q", "-f", str(made / "pom.xml"), *copied)
    return sorted(jars.glob("*.jar")) if not found.returncode else []


def debian_libraries(folder: Path, programs: Path) -> list[Path]:
    """Libraries from Debian's packages, which are unpacked and not installed, and from the generator itself."""
    if not (shutil.which("apt-get") and shutil.which("dpkg")):
        return []
    packages = folder / "debian"
    packages.mkdir()
    # apt-get writes into the working directory.
    if tried("sh", "-c", f"cd '{packages}' && apt-get download {' '.join(DEBIAN_PACKAGES)}").returncode:
        return []
    for package in packages.glob("*.deb"):
        run("dpkg", "-x", str(package), str(packages / "files"))
    jars = [path for path in sorted(packages.rglob("usr/share/java/*.jar")) if not path.is_symlink()]
    generators = sorted(programs.parent.rglob("openapi-generator.jar"))
    if not generators:
        sys.exit("openapi-generator-cli: expected openapi-generator.jar in its package, found none")
    return [*jars, *generators]
