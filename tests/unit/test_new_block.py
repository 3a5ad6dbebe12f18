"""`perdure new-block`: what it writes works as it is."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from uuid import UUID

import pytest
from typer.testing import CliRunner

import models
from activities.blocks.registry import BlockRegistry
from models.errors import ConflictError, InvalidRequestError
from services.cli.block_skeleton import BlockName
from services.cli.main import app

ROOT = Path(models.__path__[0]).parent
LONGEST = "Abcdefghijklmnopqrstuvwxyz1234"


def new_block(*arguments: str) -> str:
    """What the command says. Raises what it raises."""
    result = CliRunner().invoke(app, ["new-block", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def run(folder: Path, *arguments: str) -> None:
    done = subprocess.run([sys.executable, "-m", *arguments], cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def write_checkout(folder: Path) -> Path:
    """As much of our sources as a block and its test need."""
    for package in ("activities", "models"):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__", "tables"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def install(package: Path, folder: Path) -> None:
    """What pip makes of the package: its modules, and its entry points as metadata."""
    [module] = package.glob("perdure_*")
    shutil.copytree(module, folder / module.name)
    metadata = folder / f"{module.name}-0.1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package.name}\nVersion: 0.1.0\n")
    entry_points = re.findall(r"perdure\.blocks\"\]\n(.+)\n", (package / "pyproject.toml").read_text())
    (metadata / "entry_points.txt").write_text("[perdure.blocks]\n" + entry_points[0].replace('"', "") + "\n")


@pytest.mark.parametrize(
    ("text", "stem", "snake"),
    [
        ("WeatherReport", "WeatherReport", "weather_report"),
        ("weather_report", "WeatherReport", "weather_report"),
        ("weather report block", "WeatherReport", "weather_report"),
        ("weather-report-Block", "WeatherReport", "weather_report"),
        ("WeatherReportBlock", "WeatherReport", "weather_report"),
        ("RSSFeed", "RSSFeed", "rss_feed"),
        ("base64", "Base64", "base64"),
        ("x", "X", "x"),
    ],
)
def test_names(text: str, stem: str, snake: str) -> None:
    assert BlockName.parse(text) == BlockName(stem=stem, snake=snake)


@pytest.mark.parametrize(
    "text",
    ["", " ", "Block", "block", "1st", "a.b", "a/b", "../a", "_a", "a__", "Wetterbericht\u00fc", "a\nb", LONGEST + "5"],
)
def test_names_no_block_can_have(text: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match="cannot be the name of a block"):
        new_block(text, "--folder", str(tmp_path))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("family", ["registry", "discovery", "_private", "class", "Text", "a-b", ""])
def test_families_that_cannot_be(family: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match="cannot be a module of blocks"):
        new_block("x", "--family", family, "--folder", str(tmp_path))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["Calculator", "calculator_block"])
def test_blocks_there_are(text: str, tmp_path: Path) -> None:
    with pytest.raises(ConflictError, match=r"'CalculatorBlock' already"):
        new_block(text, "--folder", str(tmp_path))


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    new_block("weather", "--folder", str(tmp_path))
    [module] = tmp_path.rglob("blocks.py")
    module.write_text("mine")
    (tmp_path / "perdure-weather/pyproject.toml").unlink()
    with pytest.raises(ConflictError, match="is there already, and nothing was written"):
        new_block("weather", "--folder", str(tmp_path))
    assert module.read_text() == "mine"
    assert not (tmp_path / "perdure-weather/pyproject.toml").exists()


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "perdure-weather").write_text("a file")
    with pytest.raises(InvalidRequestError, match="cannot be written"):
        new_block("weather", "--folder", str(tmp_path))


def test_every_block_has_an_id_of_its_own(tmp_path: Path) -> None:
    said = [new_block(name, "--folder", str(tmp_path)) for name in ("one", "two")]
    ids = [re.findall(r'id = "(.+)"', path.read_text())[0] for path in tmp_path.rglob("blocks.py")]
    assert {UUID(text).version for text in ids} == {4}
    assert len(set(ids)) == 2
    assert f"cd {tmp_path}/perdure-one" in said[0]
    assert "perdure blocks show two_block" in said[1]


def test_what_is_written_into_our_sources_is_in_order(tmp_path: Path) -> None:
    checkout = write_checkout(tmp_path)
    (checkout / "docs").mkdir()
    said = new_block("weather report", "--folder", str(checkout / "docs"))
    new_block(LONGEST, "--family", "activities/blocks/long_names.py", "--folder", str(checkout))
    written = [
        *("activities/blocks/weather_report.py", "tests/unit/blocks/test_weather_report.py"),
        *("activities/blocks/long_names.py", "tests/unit/blocks/test_long_names.py"),
    ]
    assert "pytest tests/unit/blocks/test_weather_report.py" in said
    run(checkout, "ruff", "check", *written)
    run(checkout, "ruff", "format", "--check", *written)
    run(checkout, "pyright", "--pythonpath", sys.executable, *written)
    run(checkout, "pytest", "-q", "tests")
    with pytest.raises(ConflictError, match=r"test_weather_report\.py|weather_report\.py"):
        new_block("weather report", "--folder", str(checkout))


def test_what_is_written_as_a_package_is_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    new_block(LONGEST, "--folder", str(tmp_path))
    [package] = tmp_path.iterdir()
    for command in (("ruff", "check"), ("ruff", "format", "--check"), ("pyright", "--pythonpath", sys.executable)):
        run(package, *command)
    run(package, "pytest", "-q")
    installed = tmp_path / "installed"
    installed.mkdir()
    install(package, installed)
    monkeypatch.syspath_prepend(installed)
    registry = BlockRegistry.discover()
    assert registry.get(BlockName.parse(LONGEST).alias).name() == f"{LONGEST}Block"
    assert registry.problems == ()


def test_in_our_sources_a_package_is_written_on_request(tmp_path: Path) -> None:
    checkout = write_checkout(tmp_path)
    new_block("weather", "--package", "--family", "forecasts", "--folder", str(checkout))
    assert (checkout / "perdure-weather/perdure_weather/forecasts.py").exists()
    assert not (checkout / "activities/blocks/weather.py").exists()


@pytest.mark.long
def test_pip_installs_the_package(tmp_path: Path) -> None:
    new_block("weather", "--folder", str(tmp_path))
    target = tmp_path / "target"
    options = ("--no-deps", "--no-build-isolation", "--no-index", "--quiet", "--target", str(target))
    run(ROOT, "pip", "install", *options, str(tmp_path / "perdure-weather"))
    code = (
        f"import sys; sys.path.insert(0, {str(target)!r})\n"
        "from activities.blocks.registry import BlockRegistry\n"
        "registry = BlockRegistry.discover()\n"
        "assert registry.get('weather_block').__module__ == 'perdure_weather.blocks', registry.problems\n"
        "assert not registry.problems\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
