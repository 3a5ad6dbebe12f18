"""Texts and values in other notations: escape sequences and JSON."""

import re
from collections.abc import AsyncIterator
from typing import Any, Final

from models.beside_the_loop import beside_the_loop
from models.blocks import Block, BlockCategory, BlockContext, BlockExample, BlockInput, BlockOutput, Emission, pin
from models.errors import BlockError, InvalidRequestError
from models.json_values import dump_json, load_json, normalise_json
from models.value_store import is_heavy

_UNKNOWN_ESCAPE: Final = re.compile(rb"""\\(?:([\n\\'"abfnrtv0-7xNuU])|(?=.|\Z))""", re.DOTALL)
_SMALL_TEXT: Final = 200_000
"""Characters that are read at once; longer texts are read in a thread, beside the event loop."""


class TextDecoderInput(BlockInput):
    text: str = pin(description="Text with escape sequences such as \\n or \\u00e9")


class TextDecoderOutput(BlockOutput):
    decoded_text: str = pin(description="The text with the characters they stand for")


class TextDecoderBlock(Block[TextDecoderInput]):
    """As Python's codec `unicode_escape` does: other characters than ASCII come out as their UTF-8 bytes in Latin-1.

    A pair of surrogates gives the character it stands for, and a backslash before any other letter stays.
    """

    id = "2570e8fe-8447-43ed-84c7-70d657923231"
    description = "Turns escape sequences of a text into the characters they stand for."
    Input = TextDecoderInput
    Output = TextDecoderOutput
    categories = (BlockCategory.TEXT,)
    examples = (
        BlockExample(
            title="Line breaks and quotes",
            input={"text": r"one\ntwo \"three\""},
            output=(("decoded_text", 'one\ntwo "three"'),),
        ),
        BlockExample(
            title="Code points",
            input={"text": r"caf\u00e9 \ud83d\ude00 \d"},
            output=(("decoded_text", "caf\u00e9 \U0001f600 \\d"),),
        ),
        BlockExample(
            title="Other characters than ASCII are read as bytes",
            input={"text": "é"},
            output=(("decoded_text", "\u00c3\u00a9"),),
        ),
        BlockExample(title="A cut escape sequence", input={"text": r"\u00"}, error="truncated \\uXXXX escape"),
    )

    async def run(self, input: TextDecoderInput, context: BlockContext) -> AsyncIterator[Emission]:
        yield "decoded_text", await beside_the_loop(len(input.text) > _SMALL_TEXT, _decode, input.text)


class TextEncoderInput(BlockInput):
    text: str = pin(description="Any text")


class TextEncoderOutput(BlockOutput):
    encoded_text: str = pin(description="The text in ASCII, everything else as escape sequences")


class TextEncoderBlock(Block[TextEncoderInput]):
    id = "5185f32e-4b65-4ecf-8fbb-873f003f09d6"
    description = "Writes control characters and everything that is not ASCII as escape sequences."
    Input = TextEncoderInput
    Output = TextEncoderOutput
    categories = (BlockCategory.TEXT,)
    examples = (
        BlockExample(
            title="Line breaks",
            input={"text": 'one\ntwo "three"'},
            output=(("encoded_text", 'one\\ntwo "three"'),),
        ),
        BlockExample(
            title="Code points and backslashes",
            input={"text": "caf\u00e9 \u6771 \U0001f600 \\"},
            output=(("encoded_text", r"caf\xe9 \u6771 \U0001f600 " + "\\\\"),),
        ),
    )

    async def run(self, input: TextEncoderInput, context: BlockContext) -> AsyncIterator[Emission]:
        yield "encoded_text", await beside_the_loop(len(input.text) > _SMALL_TEXT, _encode, input.text)


class JSONEncoderInput(BlockInput):
    data: Any = pin(description="Any value")


class JSONEncoderOutput(BlockOutput):
    json_str: str = pin(description="The value as JSON without white space")


class JSONEncoderBlock(Block[JSONEncoderInput]):
    id = "9a9d20c5-5b4d-4e94-8022-83b6cb72648a"
    description = "Writes a value as JSON."
    Input = JSONEncoderInput
    Output = JSONEncoderOutput
    categories = (BlockCategory.DATA,)
    examples = (
        BlockExample(
            title="An object",
            input={"data": {"name": "Zoë", "tags": ["a", "b"], "age": None}},
            output=(("json_str", '{"name":"Zoë","tags":["a","b"],"age":null}'),),
        ),
        BlockExample(title="A text", input={"data": 'say "hi"'}, output=(("json_str", r'"say \"hi\""'),)),
    )

    async def run(self, input: JSONEncoderInput, context: BlockContext) -> AsyncIterator[Emission]:
        yield "json_str", await beside_the_loop(is_heavy(input.data), _dump, input.data)


class JSONDecoderInput(BlockInput):
    json_str: str = pin(description="JSON")


class JSONDecoderOutput(BlockOutput):
    data: Any = pin(description="The value")


class JSONDecoderBlock(Block[JSONDecoderInput]):
    id = "2b935639-65bc-48fd-9f88-823cd706fcd9"
    description = "Reads a value from JSON."
    Input = JSONDecoderInput
    Output = JSONDecoderOutput
    categories = (BlockCategory.DATA,)
    examples = (
        BlockExample(
            title="An object",
            input={"json_str": '{"name": "Zoë", "tags": ["a", "b"]}'},
            output=(("data", {"name": "Zoë", "tags": ["a", "b"]}),),
        ),
        BlockExample(title="Null is a value", input={"json_str": "null"}, output=(("data", None),)),
        BlockExample(title="Not JSON", input={"json_str": "{'name': 'Zoë'}"}, error="JSON Decoding Error"),
    )

    async def run(self, input: JSONDecoderInput, context: BlockContext) -> AsyncIterator[Emission]:
        yield "data", await beside_the_loop(len(input.json_str) > _SMALL_TEXT, _parse, input.json_str)


def _decode(text: str) -> str:
    # Python warns of unknown escapes and keeps them; doubling their backslash keeps them without the warning.
    source = _UNKNOWN_ESCAPE.sub(_keep_escape, text.encode("utf-8", errors="surrogatepass"))
    try:
        decoded = source.decode("unicode_escape")
    except UnicodeDecodeError as error:
        raise BlockError(f"The text has an escape sequence that is none: {error.reason}.") from None
    return decoded.encode("utf-16", errors="surrogatepass").decode("utf-16", errors="replace")


def _keep_escape(escape: re.Match[bytes]) -> bytes:
    return escape[0] if escape[1] is not None or escape.end() == len(escape.string) else b"\\\\"


def _encode(text: str) -> str:
    try:
        return text.encode("unicode_escape").decode("ascii")
    except UnicodeError as error:
        raise BlockError(f"Encoding error: {error}") from error


def _dump(value: object) -> str:
    try:
        return dump_json(normalise_json(value)).decode()
    except (InvalidRequestError, TypeError, ValueError) as error:
        raise BlockError(f"JSON Encoding Error: {error}") from error


def _parse(text: str) -> Any:
    try:
        return load_json(text, strict=True)
    except InvalidRequestError as error:
        raise BlockError(f"JSON Decoding Error: {error.message}") from error
