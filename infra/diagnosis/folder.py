"""The folder of the local stack: whether it can be written, has room, and holds what it should."""

import contextlib
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from pydantic import ValidationError

from infra.diagnosis.finding import Finding, ok, problem, warning
from infra.diagnosis.situation import Situation
from infra.embedded.home import StackHome, is_locked, read_ports
from infra.embedded.local_stack import SERVERS
from infra.embedded.ports import LOOPBACK
from infra.embedded.postgres import broken_cluster_message, cluster_folder, is_cluster
from infra.embedded.server import StackError
from infra.embedded.stack import Phase, RunningStack, find_state
from infra.embedded.stack_secrets import StackSecrets

MIB: Final = 1024 * 1024
TOO_LITTLE_BYTES: Final = 256 * MIB
LITTLE_BYTES: Final = 2048 * MIB
TOO_FEW_FILES: Final = 1_000


class Space(NamedTuple):
    """`files` that can still be made; None where the file system does not count them."""

    free_bytes: int
    files: int | None


SpaceProbe = Callable[[Path], Space]


def measure_space(folder: Path) -> Space:
    """What an ordinary user can still write where the folder is, or will be."""
    found = os.statvfs(_existing(folder))
    return Space(shutil.disk_usage(_existing(folder)).free, found.f_favail if found.f_files else None)


def check_space(folder: Path, probe: SpaceProbe) -> Finding:
    space = probe(folder)
    shown = f"{space.free_bytes / MIB:,.0f} MiB are free for {folder}"
    if space.free_bytes < TOO_LITTLE_BYTES:
        return problem("disk", f"The disk is full: {shown}.", "Make room, or choose another folder with --home.")
    if space.files is not None and space.files < TOO_FEW_FILES:
        message = f"The disk is full: only {space.files} more files can be made for {folder}."
        return problem("disk", message, "Remove files, or choose another folder with --home.")
    if space.free_bytes < LITTLE_BYTES:
        return warning("disk", f"{shown}.", "Make room before runs with large values fill it.")
    return ok("disk", f"{shown}.")


def check_folder(situation: Situation) -> list[Finding]:
    home = situation.home
    findings = [*_check_writable(home)]
    if not findings and home.folder.exists():
        findings += [*_check_state(situation), *_check_secrets(situation), *_check_data(situation)]
    if findings:
        return findings
    return [ok("folder", f"{home.folder} {'is in order' if home.folder.exists() else 'will be made'}.")]


def find_local_data(home: StackHome) -> str | None:
    """A folder of the stack that holds data."""
    for folder in (home.data("postgres"), home.data("temporal"), home.blobs / "runs"):
        with contextlib.suppress(OSError):
            if any(folder.iterdir()):
                return str(folder)
    return None


def _existing(folder: Path) -> Path:
    return next(path for path in (folder, *folder.parents) if path.exists())


def _check_writable(home: StackHome) -> Iterator[Finding]:
    place = _existing(home.folder)
    hint = "Choose another folder with --home, or correct its owner and mode."
    if not place.is_dir():
        yield problem("folder", f"{home.folder} cannot be made or written: {place} is a file.", hint)
        return
    try:
        with tempfile.TemporaryFile(dir=place) as file:
            file.write(b"probe")
    except OSError as error:
        yield problem("folder", f"{home.folder} cannot be written: {error.strerror}.", hint)


def _check_state(situation: Situation) -> Iterator[Finding]:
    home = situation.home
    try:
        state, locked = find_state(home), is_locked(home)
    except StackError as error:
        yield problem("state", str(error), "See the message.")
        return
    if state is None:
        return
    if not locked:
        left = sorted(name for name, process in state.children.items() if process.find())
        if left:
            message = f"The supervisor of the stack was killed; {', '.join(left)} still run."
            yield problem("state", message, "Run `perdure down`, which ends them.")
        elif state.phase == Phase.FAILED:
            reason = (state.error or "").partition("\n")[0]
            yield warning("state", f"The last start failed: {reason}", "See `perdure logs`, then `perdure up`.")
        else:
            message = "A stack that was killed has left its state."
            yield warning("state", message, "Run `perdure up` to go on, or `perdure down` to remove it.")
    elif state.phase != Phase.RUNNING or state.stack is None:
        yield warning("state", f"The stack is {state.phase}.", "Ask again when it runs, or has stopped.")
    else:
        parts = ("gateway", "worker", *(name for name in SERVERS if _is_ours(home, state.stack, name)))
        for name in parts:
            if name not in state.children:
                message = f"The {name} of the stack is not running; it is started again and again."
                yield problem("state", message, f"See `perdure logs {name}` for the reason.")


def _is_ours(home: StackHome, running: RunningStack, server: str) -> bool:
    """Whether the stack started a server itself: then it is at the port that is kept for it."""
    address = {
        "postgres": running.database_url,
        "redis": running.redis_url,
        "temporal": f"grpc://{running.temporal_address}",
    }[server]
    found = urlsplit(address)
    return found.hostname == LOOPBACK and found.port == read_ports(home).get(server)


def _check_secrets(situation: Situation) -> Iterator[Finding]:
    home = situation.home
    path = home.secrets_file
    try:
        StackSecrets.model_validate_json(path.read_bytes())
        if path.stat().st_mode & 0o077:
            yield warning("secrets", f"{path} can be read by others.", f"Run `chmod 600 {path}`.")
    except FileNotFoundError:
        data = find_local_data(home)
        if data:
            yield problem(
                "secrets",
                f"{path} is missing, but {data} holds data that needs the passwords and keys in it.",
                f"Restore {path.name} from a copy, or move the folder {home.folder} away to start afresh.",
            )
    except (ValidationError, OSError):
        yield problem(
            "secrets",
            f"{path} is damaged.",
            f"Restore it from a copy, or move the folder {home.folder} away to start afresh.",
        )


def _check_data(situation: Situation) -> Iterator[Finding]:
    home = situation.home
    cluster = cluster_folder(home.data("postgres"))
    try:
        others = [] if cluster.exists() else list(home.data("postgres").glob("cluster-*"))
        if (cluster.exists() and not is_cluster(cluster)) or others:
            broken = others[0] if others else cluster
            message, _, hint = broken_cluster_message(broken).partition(". ")
            yield problem("data", f"{message}.", hint)
    except OSError as error:
        message = f"The Postgres data in {cluster} cannot be read: {error.strerror}."
        yield problem("data", message, "Run as the user that owns it, or choose another folder with --home.")
    database = home.data("temporal") / "temporal.db"
    if database.exists():
        try:
            with contextlib.closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True, timeout=1)) as connection:
                connection.execute("SELECT name FROM sqlite_master LIMIT 1").fetchall()
        except sqlite3.OperationalError:
            return  # in use
        except sqlite3.DatabaseError as error:
            hint = "Restore it from a copy, or move the folder away to start without the runs it held."
            yield problem("data", f"The Temporal data in {database} cannot be read ({error}).", hint)
