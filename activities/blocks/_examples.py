"""Services for declared examples of blocks: they answer what they are told to, and reach nothing."""

from dataclasses import dataclass

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
