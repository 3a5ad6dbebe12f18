"""The generated parts of the client are those of the present sources and gateway."""

import inspect
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from perdure_client import AsyncPerdureClient, PerdureClient

ROOT = Path(__file__).parents[2]
KEY = "agpt_0123456789"


def test_the_committed_files_are_the_generated_ones() -> None:
    command = [sys.executable, "-m", "client.generate", "--check"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr


def parts(client: object) -> dict[str, Any]:
    return {"client": client} | {name: part for name, part in vars(client).items() if not name.startswith("_")}


def methods(part: object) -> dict[str, inspect.Signature]:
    found = inspect.getmembers(type(part), inspect.isfunction)
    return {name: inspect.signature(method) for name, method in found if not name.startswith("_")}


def test_both_clients_have_the_same_methods() -> None:
    blocking, coroutines = parts(PerdureClient("http://x", KEY)), parts(AsyncPerdureClient("http://x", KEY))
    assert list(blocking) == list(coroutines)
    assert len(blocking) > 10
    for name, part in blocking.items():
        ours, theirs = methods(part), methods(coroutines[name])
        renamed = {"close" if method == "aclose" else method: signature for method, signature in theirs.items()}
        assert {method: list(signature.parameters) for method, signature in ours.items()} == {
            method: list(signature.parameters) for method, signature in renamed.items()
        }


@pytest.mark.parametrize("kind", [PerdureClient, AsyncPerdureClient])
def test_everything_public_is_documented(kind: type[Any]) -> None:
    for part in parts(kind("http://x", KEY)).values():
        assert inspect.getdoc(type(part))
        for name in methods(part):
            assert inspect.getdoc(getattr(part, name)), f"{type(part).__name__}.{name}"
