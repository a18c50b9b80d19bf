"""The programs of clients/, and what they are made of; each is made once and kept in the cache."""
import contextlib
import functools
import pathlib
import shutil
import sys
import tempfile

import tools

HERE = pathlib.Path(__file__).resolve().parent / "clients"
GRPC_GO, GRPC_GO_VERSION = "google.golang.org/grpc", "v1.83.0"
# What each is made of besides its own file: other files of clients/.
GO_SHARED = {"client": ["tell"], "grpc_client": ["tell", "raw"], "origin": ["serve"],
             "grpc_origin": ["serve", "raw"], "reloads": ["raw"]}
PYTHON_PACKAGES = ["requests==2.32.3", "aiohttp==3.11.11", "httpx[http2]==0.28.1",
                   "uvicorn==0.34.0", "gunicorn==23.0.0", "grpcio==1.71.0"]
NODE_PACKAGES = ["undici@7.30.2", "@grpc/grpc-js@1.12.6"]
APACHE = "org.apache.httpcomponents.client5:httpclient5:"
OKHTTP = "com.squareup.okhttp3:okhttp:4.12.0"
GRPC_JAVA = "io.grpc:grpc-interop-testing:1.76.0"


def folder_of(name, *made_of):
    """The folder for a program, another one when what it is made of changes."""
    return tools.CACHE / "outrigger/conformance" / f"{name}-{tools.digest(made_of)}"


def made(folder, make):
    """`make` fills that folder; it is there whole or not at all, whoever else makes it."""
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as beside:
            partial = pathlib.Path(beside) / folder.name
            partial.mkdir()
            make(partial)
            with contextlib.suppress(OSError):  # it is there by now
                partial.rename(folder)
    return folder


@functools.cache
def go_program(name):
    """The program of clients/NAME.go."""
    files = [f"{part}.go" for part in (name, *GO_SHARED[name])]
    modules = [f"{GRPC_GO}@{GRPC_GO_VERSION}"] if "raw" in GO_SHARED[name] else []

    def make(folder):
        tools.need_go()
        for file in files:
            shutil.copy(HERE / file, folder)
        tools.install("go mod init", ["go", "mod", "init", "outrigger/matrix"], folder)
        for module in modules:
            tools.install(f"go get {module}", ["go", "get", module], folder)
        tools.install(f"go build {name}.go", ["go", "build", "-o", name, *files], folder)

    texts = ((HERE / file).read_text() for file in files)
    return str(made(folder_of(name, *texts, *modules), make) / name)


@functools.cache
def cargo_program(name):
    """The program of the crate clients/NAME."""
    sources = [HERE / name / "Cargo.toml", HERE / name / "src/main.rs"]

    def make(folder):
        cargo = tools.debian_tool("cargo", "cargo")
        shutil.copytree(HERE / name, folder, dirs_exist_ok=True)
        tools.install(f"cargo build of {name}", [cargo, "build", "-q", "--release"], folder)

    folder = made(folder_of(name, *(source.read_text() for source in sources)), make)
    return str(folder / "target/release/client")


@functools.cache
def python():
    """The interpreter of an environment of its own that has PYTHON_PACKAGES."""
    def make(folder):
        tools.install("python3 -m venv", [sys.executable, "-m", "venv", folder], folder)
        tools.install("pip install " + " ".join(PYTHON_PACKAGES),
                      [folder / "bin/python", "-m", "pip", "install", "-q", *PYTHON_PACKAGES],
                      folder)

    return str(made(folder_of("python", *PYTHON_PACKAGES), make) / "bin/python")


def node():
    return tools.debian_tool("node", "nodejs")


@functools.cache
def node_with_packages():
    """The command of a Node that finds NODE_PACKAGES from $MODULES."""
    def make(folder):
        npm = tools.debian_tool("npm", "npm")
        tools.install("npm install " + " ".join(NODE_PACKAGES),
                      [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts",
                       "--prefix", folder, *NODE_PACKAGES], folder)

    folder = made(folder_of("node", *NODE_PACKAGES), make)
    return ["env", f"MODULES={folder}/", node()]


@functools.cache
def java_program(name, *artifacts):
    """The command of clients/NAME.java, with what all programs of Java share."""
    command, jars = tools.java_tool(*artifacts)
    sources = [HERE / f"{part}.java" for part in (name, "Told")]

    def make(folder):
        javac = tools.debian_tool("javac", "default-jdk-headless")
        tools.install(f"javac {name}.java", [javac, "-d", folder, "-cp", jars, *sources], folder)

    folder = made(folder_of(name, *(source.read_text() for source in sources), *artifacts), make)
    return [*command, "-cp", f"{folder}:{jars}", name]
