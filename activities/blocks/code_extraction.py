"""Code in the texts that language models write."""

import re
from collections.abc import AsyncIterator
from typing import Final

from models.blocks import Block, BlockCategory, BlockContext, BlockExample, BlockInput, BlockOutput, Emission, pin

_FENCE: Final = "```"
_NAMES: Final[dict[str, tuple[str, ...]]] = {
    "html": ("html", "htm"),
    "css": ("css",),
    "javascript": ("javascript", "js"),
    "python": ("python", "py"),
    "sql": ("sql",),
    "java": ("java",),
    "cpp": ("cpp", "c++"),
    "csharp": ("csharp", "c#", "cs"),
    "json_code": ("json",),
    "bash": ("bash", "shell", "sh"),
    "php": ("php",),
    "ruby": ("ruby", "rb"),
    "yaml": ("yaml", "yml"),
    "markdown": ("markdown", "md"),
    "typescript": ("typescript", "ts"),
    "xml": ("xml",),
}
"""Output pin -> what may stand behind the opening fence."""

_OPENING: Final = re.compile(
    _FENCE + "(" + "|".join(re.escape(name) for names in _NAMES.values() for name in names) + r")\s", re.IGNORECASE
)


class CodeExtractionInput(BlockInput):
    text: str = pin(description="Text with code between fences of three backticks")


class CodeExtractionOutput(BlockOutput):
    html: str = pin(description="HTML")
    css: str = pin(description="CSS")
    javascript: str = pin(description="JavaScript")
    python: str = pin(description="Python")
    sql: str = pin(description="SQL")
    java: str = pin(description="Java")
    cpp: str = pin(description="C++")
    csharp: str = pin(description="C#")
    json_code: str = pin(description="JSON")
    bash: str = pin(description="Shell")
    php: str = pin(description="PHP")
    ruby: str = pin(description="Ruby")
    yaml: str = pin(description="YAML")
    markdown: str = pin(description="Markdown")
    typescript: str = pin(description="TypeScript")
    xml: str = pin(description="XML")
    remaining_text: str = pin(description="The text without them")


class CodeExtractionBlock(Block[CodeExtractionInput]):
    """Code of one language is joined with blank lines; fences of other languages stay in the remaining text."""

    id = "d3a7d896-3b78-4f44-8b4b-48fbf4f0bcd8"
    description = "Takes the fenced code out of a text, by language."
    Input = CodeExtractionInput
    Output = CodeExtractionOutput
    categories = (BlockCategory.TEXT,)
    examples = (
        BlockExample(
            title="Languages in their fixed order",
            input={"text": "First:\n```py\nprint(1)\n```\n\nThen:\n```html\n<p>Hi</p>\n```\nDone."},
            output=(
                ("html", "<p>Hi</p>"),
                ("python", "print(1)"),
                ("remaining_text", "First:\nThen:\nDone."),
            ),
        ),
        BlockExample(
            title="Several pieces of one language",
            input={"text": "```sql\nSELECT 1\n```\n```SQL\nSELECT 2\n```"},
            output=(("sql", "SELECT 1\n\nSELECT 2"),),
        ),
        BlockExample(
            title="An unknown language stays",
            input={"text": "```cobol\nSTOP RUN.\n```"},
            output=(("remaining_text", "```cobol\nSTOP RUN.\n```"),),
        ),
    )

    async def run(self, input: CodeExtractionInput, context: BlockContext) -> AsyncIterator[Emission]:
        codes, remaining = _take_apart(input.text)
        for pin_name, names in _NAMES.items():
            pieces = [code for name in names for code in codes.get(name, ()) if code]
            if pieces:
                yield pin_name, "\n\n".join(pieces)
        if remaining:
            yield "remaining_text", remaining


def _take_apart(text: str) -> tuple[dict[str, list[str]], str]:
    """The trimmed pieces of code by what stands behind their fence in lower case, and the text without them."""
    codes: dict[str, list[str]] = {}
    rest: list[str] = []
    place = 0
    while opening := _OPENING.search(text, place):
        end = text.find(_FENCE, opening.end())
        if end < 0:
            break
        codes.setdefault(opening[1].lower(), []).append(text[opening.end() : end].strip())
        rest.append(text[place : opening.start()])
        place = end + len(_FENCE)
    rest.append(text[place:])
    lines = "".join(rest).strip().split("\n")
    first, *others = lines
    return codes, "\n".join([first, *(line for line in others[:-1] if line.strip()), *others[-1:]])
