"""Services for declared examples of blocks: they answer what they are told to, and reach nothing."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha256
from typing import Any

from models.errors import BlockError
from models.ids import GraphExecId, UserId
from models.json_values import normalise_json
from models.media import WORKSPACE_SCHEME, MediaFile, check_file_size, clean_file_name, quote_name, shorten
from models.ports import LanguageModelAnswer


@dataclass(frozen=True)
class CannedLanguageModel:
    """Answers every prompt with it, after `prefix`."""

    prefix: str = ""

    async def complete(
        self,
        prompt: str,
        *,
        model: str | None = None,
        max_tokens: int | None = None,
        temperature: float | None = None,
    ) -> LanguageModelAnswer:
        return LanguageModelAnswer(text=self.prefix + prompt, model=model or "canned")


@dataclass(frozen=True)
class StoppedClock:
    """Always the same time, given in ISO 8601."""

    time: str

    def now(self) -> datetime:
        return datetime.fromisoformat(self.time)


@dataclass(frozen=True)
class RememberedValues:
    """The port KeyValueStore in memory; `values` by (user, key)."""

    values: dict[tuple[str, str], Any] = field(default_factory=dict[tuple[str, str], Any])

    async def find(self, user_id: UserId, key: str) -> Any:
        return self.values.get((user_id, key))

    async def put(self, user_id: UserId, key: str, value: Any) -> None:
        self.values[user_id, key] = normalise_json(value)


@dataclass(frozen=True)
class RememberedFiles:
    """The port FileStore in memory; `files` by reference, `downloads` by URL."""

    files: dict[str, MediaFile] = field(default_factory=dict[str, MediaFile])
    downloads: dict[str, MediaFile] = field(default_factory=dict[str, MediaFile])

    async def save(self, file: MediaFile, *, graph_exec_id: GraphExecId) -> str:
        check_file_size(len(file.data))
        clean = replace(file, name=clean_file_name(file.name))
        path = f"{sha256(repr(clean).encode()).hexdigest()}/{quote_name(clean.name)}"
        reference = f"{WORKSPACE_SCHEME}{graph_exec_id}/{path}"
        self.files[reference] = clean
        return reference

    async def load(self, reference: str, *, graph_exec_id: GraphExecId) -> MediaFile:
        prefix = f"{WORKSPACE_SCHEME}{graph_exec_id}/"
        if reference.startswith(WORKSPACE_SCHEME) and not reference.startswith(prefix):
            raise BlockError(f"The file {shorten(reference)!r} is not one of this run.")
        try:
            return self.files[prefix + reference.removeprefix(prefix)]
        except KeyError:
            raise BlockError(f"There is no file {shorten(reference)!r} in this run.") from None

    async def download(self, url: str) -> MediaFile:
        if url not in self.downloads:
            raise BlockError(f"The file {shorten(url)!r} cannot be had.")
        return self.downloads[url]
