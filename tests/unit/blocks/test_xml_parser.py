from typing import Any

import pytest

from activities.blocks.xml_parser import XMLParserBlock
from models.errors import BlockError
from tests.unit.blocks.running import run_block


@pytest.mark.parametrize(
    ("markup", "parsed"),
    [
        ("<tag1><tag2>content</tag2></tag1>", {"tag1": {"tag2": "content"}}),
        ("<a></a>", {"a": ""}),
        (" <TaG>cOn</tag>\n", {"tag": "cOn"}),
        ("< a  b >x</ A B >", {"a_b": "x"}),
        ("<a>\n  x\n y </a>", {"a": "x\n y"}),
        ("<a>one <!-- <b> --> two</a>", {"a": "onetwo"}),
        ("<a>lost<b>1</b>lost</a>", {"a": {"b": "1"}}),
        ("<a><b>1</b><c>2</c></a>", {"a": {"b": "1", "c": "2"}}),
        ("<a><b>1</b><b>2</b></a>", {"a": [{"b": "1"}, {"b": "2"}]}),
        ("<a><b>1</b><c>2</c><b>3</b></a>", {"a": [{"b": "1"}, {"c": "2"}, {"b": "3"}]}),
        ("<a><a>1</a></a>", {"a": {"a": "1"}}),
        ("<a|no_parse><b>1</b></a>", {"a": "<b>1</b>"}),
        ("<a | no_parse> <a>x</a> </a>", {"a": " <a>x</a> "}),
        ("<a><b | no_parse trim><c/></b></a>", {"a": {"b": "<c/>"}}),
        ("<a | other><b>1</b></a>", {"a": {"b": "1"}}),
        ("<a>&lt;&amp;</a>", {"a": "&lt;&amp;"}),
        (r"<a>\<b></a>", {"a": "<b>"}),
        (r"<a>C:\dir\</a>", {"a": "C:\\dir\\"}),
        ("<a>x<br/>y</a>", {"a": "xbr/>y"}),
        ("<名😊>ü</名😊>", {"名😊": "ü"}),
        ('<a href="x">1</a href="x">', {'a_href="x"': "1"}),
    ],
)
async def test_parses(markup: str, parsed: dict[str, Any]) -> None:
    assert await run_block(XMLParserBlock, {"input_xml": markup}) == [("parsed_xml", parsed)]


@pytest.mark.parametrize(
    ("markup", "reason"),
    [
        ("", "empty"),
        (" \n", "empty"),
        ("<!-- only -->", "no root element"),
        ("text", "text outside the root element"),
        ("<a>1</a> more", "text outside the root element"),
        ("<a>1</a><b>2</b>", "single root element"),
        ("<a>", "'a' is not closed"),
        ("<a | no_parse>x", "'a' is not closed"),
        ("</a>", "closes nothing"),
        ("<a", "no '>'"),
        ("<a><b<c></b></a>", "'<' in it"),
        ("<a><></></a>", "tag is empty"),
        ("<a>< | no_parse></a>", "tag is empty"),
        ("<!DOCTYPE a><a>1</a>", "Declarations"),
        ('<?xml version="1.0"?><a>1</a>', "Declarations"),
        ("<!ENTITY x 'y'>", "Declarations"),
        ("<a><!-- open</a>", "comment is not closed"),
        (f"<{'x' * 4097}>1</a>", "more than 4096 characters"),
        ("<a>" * 257 + "</a>" * 257, "more than 256 deep"),
        ("x" * (10 * 1024 * 1024 + 1), "limit is 10485760"),
    ],
)
async def test_refuses_what_is_not_one_element(markup: str, reason: str) -> None:
    with pytest.raises(BlockError, match=f"^Validation error for dict:.*{reason}"):
        await run_block(XMLParserBlock, {"input_xml": markup})


async def test_refuses_tags_that_do_not_match() -> None:
    with pytest.raises(BlockError, match=r"^Error in input xml syntax: The tag 'a_id=1' is closed by 'a'"):
        await run_block(XMLParserBlock, {"input_xml": "<a id=1>x</a>"})


@pytest.mark.parametrize("markup", ["<a>" + "<b>1</b>" * 30_000 + "</a>", "<a | no_parse>" + "<b>" * 50_000 + "</a>"])
async def test_large_markup_lets_others_run(markup: str) -> None:
    [(pin, parsed)] = await run_block(XMLParserBlock, {"input_xml": markup})
    assert pin == "parsed_xml"
    assert len(parsed["a"]) in (30_000, 150_000)
