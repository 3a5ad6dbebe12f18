import pytest

from activities.blocks.encoding import JSONDecoderBlock, JSONEncoderBlock, TextDecoderBlock, TextEncoderBlock
from models.errors import BlockError, BlockInputError
from tests.unit.blocks.running import run_block

LINES = 'Hello\nWorld!\nThis is a "quoted" string.'
ESCAPED = 'Hello\\nWorld!\\nThis is a "quoted" string.'


@pytest.mark.parametrize(
    ("text", "decoded"),
    [
        (LINES, LINES),
        (r"Hello\nWorld!\nThis is a \"quoted\" string.", LINES),
        ("", ""),
        (r"a\\n", r"a\n"),
        (r"\x41\101\u0042\N{BULLET}", "AAB\u2022"),
        (r"\ud83d\ude00", "\U0001f600"),
        (r"\U0001f600", "\U0001f600"),
        (r"C:\dir \q \\d", r"C:\dir \q \d"),
        ("\u6771", "\u00e6\u009d\u00b1"),
        ("a\\\nb", "ab"),
        (r"\ud83d", "\ufffd"),
    ],
)
async def test_decode(text: str, decoded: str) -> None:
    assert await run_block(TextDecoderBlock, {"text": text}) == [("decoded_text", decoded)]


@pytest.mark.parametrize("text", ["\\", r"\u12", r"\x4", r"\N{NO SUCH NAME}", r"\U00110000"])
async def test_wrong_escapes(text: str) -> None:
    with pytest.raises(BlockError, match="escape sequence that is none"):
        await run_block(TextDecoderBlock, {"text": text})


@pytest.mark.parametrize(
    ("text", "encoded"),
    [
        (LINES, ESCAPED),
        ("\t\\'\"", r"\t\\'" + '"'),
        ("\u00e9\u6771\U0001f600\x00\x7f", r"\xe9\u6771\U0001f600\x00\x7f"),
        ("\ud800", r"\ud800"),
    ],
)
async def test_encode(text: str, encoded: str) -> None:
    assert await run_block(TextEncoderBlock, {"text": text}) == [("encoded_text", encoded)]


async def test_long_texts_are_converted_beside_the_event_loop() -> None:
    [(_, encoded)] = await run_block(TextEncoderBlock, {"text": "\n" * 300_000})
    assert encoded == "\\n" * 300_000
    assert await run_block(TextDecoderBlock, {"text": encoded}) == [("decoded_text", "\n" * 300_000)]


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ({"a": [1, 2.5, None, True], "ä": "\n"}, '{"a":[1,2.5,null,true],"ä":"\\n"}'),
        ("x", '"x"'),
        (0, "0"),
        (False, "false"),
        ([], "[]"),
        (float("nan"), "null"),
        (2**70, "1.1805916207174113e+21"),
    ],
)
async def test_encode_json(data: object, text: str) -> None:
    assert await run_block(JSONEncoderBlock, {"data": data}) == [("json_str", text)]


async def test_encode_json_nested_too_deep() -> None:
    data: list[object] = []
    for _ in range(200):
        data = [data]
    with pytest.raises(BlockError, match=r"JSON Encoding Error: .*levels deep"):
        await run_block(JSONEncoderBlock, {"data": data})


async def test_encode_json_needs_data() -> None:
    with pytest.raises(BlockInputError, match="pin 'data' needs a value"):
        await run_block(JSONEncoderBlock, {"data": None})


@pytest.mark.parametrize(
    ("text", "data"),
    [('{"a": [1, 2.5, null]}', {"a": [1, 2.5, None]}), (" 1 ", 1), ("null", None), (r'"\u00e9"', "é"), ("[]", [])],
)
async def test_decode_json(text: str, data: object) -> None:
    assert await run_block(JSONDecoderBlock, {"json_str": text}) == [("data", data)]


@pytest.mark.parametrize(
    "text", ["", "{'a': 1}", "[1,]", "NaN", "[Infinity]", '"\\ud800"', '"\ud800"', "{} {}", "[" * 2_000, "\ufeff1"]
)
async def test_decode_json_is_strict(text: str) -> None:
    with pytest.raises(BlockError, match="JSON Decoding Error: "):
        await run_block(JSONDecoderBlock, {"json_str": text})
