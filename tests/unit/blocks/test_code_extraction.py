from typing import Any

import pytest

from activities.blocks.code_extraction import CodeExtractionBlock
from tests.unit.blocks.running import run_block

CASES: list[tuple[str, list[tuple[str, Any]]]] = [
    (
        "Here's a Python example:\n```python\nprint('Hello World')\n```\nAnd some HTML:\n```html\n<h1>Title</h1>\n```",
        [
            ("html", "<h1>Title</h1>"),
            ("python", "print('Hello World')"),
            ("remaining_text", "Here's a Python example:\nAnd some HTML:"),
        ],
    ),
    ("", []),
    ("   \n ", []),
    ("no code", [("remaining_text", "no code")]),
    ("a\n\n\n \t\nb", [("remaining_text", "a\nb")]),
    ('```json\n{"a": 1}\n```', [("json_code", '{"a": 1}')]),
    ("```c++\nint x;\n```\n```C#\nvar y;\n```", [("cpp", "int x;"), ("csharp", "var y;")]),
    ("```js\n1\n``````javascript\n2\n```", [("javascript", "2\n\n1")]),
    ("```sh ls```", [("bash", "ls")]),
    ("```python\n```", []),
    ("```python\n\n```\nx", [("remaining_text", "x")]),
    ("```\nplain\n```", [("remaining_text", "```\nplain\n```")]),
    ("```pythonic\nx\n```", [("remaining_text", "```pythonic\nx\n```")]),
    ("```python\nnever closed", [("remaining_text", "```python\nnever closed")]),
    ("```yml\na: \U0001f600\n```", [("yaml", "a: \U0001f600")]),
]


@pytest.mark.parametrize(("text", "emissions"), CASES)
async def test_takes_code_out(text: str, emissions: list[tuple[str, Any]]) -> None:
    assert await run_block(CodeExtractionBlock, {"text": text}) == emissions


async def test_many_fences_take_linear_time() -> None:
    [(pin, _)] = await run_block(CodeExtractionBlock, {"text": "```python " * 200_000})
    assert pin == "remaining_text"
    assert await run_block(CodeExtractionBlock, {"text": "``" + "\n" * 500_000}) == [("remaining_text", "``")]
