"""Blocks do nothing behind the engine's back: their sources neither import nor call what reaches out."""

from pathlib import Path

import pytest

import activities.blocks
from tests.architecture.block_sources import find_violations

MACHINERY = {"registry.py", "discovery.py"}
"""Finds and loads modules, and defines no block."""

MODULES = sorted(path for path in Path(activities.blocks.__path__[0]).rglob("*.py") if path.name not in MACHINERY)


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_blocks_do_not_reach_out(module: Path) -> None:
    assert find_violations(module.read_text()) == []


@pytest.mark.parametrize(
    "source",
    [
        *("import os", "import sys\nsys.argv", "import pathlib", "import socket", "import subprocess", "import ssl"),
        *("import http.client", "import urllib.request", "import urllib", "from urllib import request"),
        *("import httpx2", "import aiohttp", "import requests", "import importlib", "import tempfile", "import shutil"),
        *(
            "import defusedxml.sax",
            "import xml.etree.ElementTree as E\nE.parse('f')",
            "import xml.sax",
            "import ctypes",
        ),
        *("import multiprocessing", "import threading", "import infra.redis", "import structlog", "import pickle"),
        *("from os import environ", "from . import registry", "from .. import templates", "import asyncio.subprocess"),
        *("from asyncio import open_connection", "import asyncio\nasyncio.open_connection('h', 1)"),
        *("import asyncio as a\na.get_running_loop()", "import asyncio\nx = asyncio", "from asyncio import *"),
        *("import io\nio.open('f')", "import io as i\ni.FileIO('f')", "from io import open", "import io\nf(io)"),
        *("from models.tables.users import User", "from models import tables", "import models.tables"),
        *("from activities.blocks.registry import BlockRegistry", "from activities.blocks import registry"),
        *("import time\ntime.sleep(1)", "from time import sleep", "import hashlib\nhashlib.file_digest(f, 'x')"),
        *("open('f')", "eval('1')", "exec('1')", "__import__('os')", "print(1)", "f = open", "globals()", "vars()"),
        *("().__class__.__subclasses__()", "run.__globals__['os']", "json.__loader__", "csv.sys.modules['os']"),
        *("random._os.environ", "loop.create_connection(f)"),
    ],
)
def test_what_reaches_out_is_found(source: str) -> None:
    assert find_violations(source) != []


@pytest.mark.parametrize(
    "source",
    [
        *("import re2", "import openpyxl", "import jsonschema", "import base64", "import csv", "import html"),
        *("import uuid", "import random", "import unicodedata", "import binascii", "import hashlib", "import decimal"),
        *(
            "import fractions",
            "import statistics",
            "import copy",
            "import urllib.parse",
            "from urllib.parse import quote",
        ),
        *("from zoneinfo import ZoneInfo", "from urllib import parse", "from collections.abc import Mapping"),
        *("from defusedxml.ElementTree import fromstring", "from defusedxml import ElementTree"),
        *("import io\nio.BytesIO(b'')", "from io import StringIO", "from openpyxl.utils import get_column_letter"),
        *(
            "import sys\nsys.maxunicode",
            "import asyncio\nasyncio.sleep(1)",
            "from asyncio import sleep, to_thread",
            "import time\ntime.monotonic()",
        ),
        *("from models.blocks import Block", "from models import blocks", "from activities.blocks._rendering import f"),
        *("def run(self, input):\n    return input.value", "from xml.etree.ElementTree import ParseError"),
        *("import xml.etree.ElementTree as E\nE.tostring(E.Element('a'))", "import xml.etree.ElementTree"),
    ],
)
def test_what_only_computes_is_allowed(source: str) -> None:
    assert find_violations(source) == []
