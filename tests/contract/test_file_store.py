"""The port FileStore: in memory, and in the blob store."""

import pytest

from activities.blocks._examples import RememberedFiles
from infra.files import RunFiles
from models.errors import BlockError
from models.ids import GraphExecId
from models.media import FILE_LIMIT_BYTES, MediaFile
from models.ports import FileStore
from tests.fakes import MemoryBlobStore

RUN, OTHER_RUN = GraphExecId("run-1"), GraphExecId("run-10")
FILE = MediaFile("letter.txt", "text/plain", b"Dear Ann")


@pytest.fixture(params=["memory", "blobs"])
def store(request: pytest.FixtureRequest) -> FileStore:
    return RememberedFiles() if request.param == "memory" else RunFiles(MemoryBlobStore())


@pytest.mark.parametrize("data", [b"", b"x", bytes(range(256)) * 4096], ids=len)
async def test_round_trip(store: FileStore, data: bytes) -> None:
    file = MediaFile("ünï 100%.bin", "application/x-thing", data)
    reference = await store.save(file, graph_exec_id=RUN)
    assert reference.startswith("workspace://run-1/")
    assert await store.load(reference, graph_exec_id=RUN) == file
    assert await store.load(reference.removeprefix("workspace://run-1/"), graph_exec_id=RUN) == file


async def test_saving_again_gives_the_same_reference(store: FileStore) -> None:
    first = await store.save(FILE, graph_exec_id=RUN)
    assert await store.save(FILE, graph_exec_id=RUN) == first
    renamed = MediaFile("other.txt", FILE.media_type, FILE.data)
    assert await store.save(renamed, graph_exec_id=RUN) != first
    assert await store.load(first, graph_exec_id=RUN) == FILE


async def test_another_run_is_refused(store: FileStore) -> None:
    reference = await store.save(FILE, graph_exec_id=RUN)
    path = reference.removeprefix("workspace://run-1/")
    with pytest.raises(BlockError, match="not one of this run"):
        await store.load(reference, graph_exec_id=OTHER_RUN)
    for foreign in (
        path,
        f"workspace://run-10/{path}",
        f"workspace://run-10/../run-1/{path}",
        f"../run-1/files/{path}",
    ):
        with pytest.raises(BlockError, match="There is no file"):
            await store.load(foreign, graph_exec_id=OTHER_RUN)


@pytest.mark.parametrize(
    "reference",
    ["", "letter.txt", "../letter.txt", "/etc/passwd", "..", "\0", "a" * 100_000, "workspace://run-1/", "%2e%2e/x"],
)
async def test_what_is_not_there(store: FileStore, reference: str) -> None:
    await store.save(FILE, graph_exec_id=RUN)
    with pytest.raises(BlockError, match="There is no file") as caught:
        await store.load(reference, graph_exec_id=RUN)
    assert len(caught.value.message) < 500


async def test_names_are_cleaned(store: FileStore) -> None:
    file = MediaFile("../../etc/" + "x" * 300 + ".txt", "text/plain", b"")
    loaded = await store.load(await store.save(file, graph_exec_id=RUN), graph_exec_id=RUN)
    assert loaded.name == "x" * 251 + ".txt"


async def test_large_files_are_refused(store: FileStore) -> None:
    with pytest.raises(BlockError, match="over the limit"):
        await store.save(MediaFile("x", "text/plain", bytes(FILE_LIMIT_BYTES + 1)), graph_exec_id=RUN)


async def test_nothing_is_downloaded(store: FileStore) -> None:
    with pytest.raises(BlockError, match="cannot be had"):
        await store.download("https://example.com/a.txt")


async def test_keys_lie_under_the_run() -> None:
    blobs = MemoryBlobStore()
    store = RunFiles(blobs)
    reference = await store.save(FILE, graph_exec_id=RUN)
    [key] = blobs.blobs
    assert key.startswith("runs/run-1/files/")
    await blobs.delete_prefix("runs/run-1/")
    with pytest.raises(BlockError, match="There is no file"):
        await store.load(reference, graph_exec_id=RUN)
