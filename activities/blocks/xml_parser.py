"""Tag markup."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from activities.blocks._markup import MarkupStructureError, MarkupSyntaxError, parse_markup
from models.blocks import Block, BlockContext, BlockExample, BlockInput, BlockOutput, Emission, pin
from models.errors import BlockError


class XMLParserInput(BlockInput):
    input_xml: str = pin(description="One element with everything in it")


class XMLParserOutput(BlockOutput):
    parsed_xml: dict[str, Any] = pin(description="The element as an object")


class XMLParserBlock(Block[XMLParserInput]):
    """Reads the simple markup of `activities.blocks._markup`: no XML parser runs, so none of their attacks work."""

    id = "286380af-9529-4b55-8be0-1d7c854abdb5"
    description = "Turns tags and their contents into an object."
    Input = XMLParserInput
    Output = XMLParserOutput
    examples = (
        BlockExample(
            title="Distinct tags",
            input={"input_xml": "<person><name>Zoë</name><home town>Ghent</home town></person>"},
            output=(("parsed_xml", {"person": {"name": "Zoë", "home_town": "Ghent"}}),),
        ),
        BlockExample(
            title="Repeated tags",
            input={"input_xml": "<list><item>1</item><item>2</item></list>"},
            output=(("parsed_xml", {"list": [{"item": "1"}, {"item": "2"}]}),),
        ),
        BlockExample(
            title="Contents as they are",
            input={"input_xml": "<page | no_parse> <b>bold</b> </page>"},
            output=(("parsed_xml", {"page": " <b>bold</b> "}),),
        ),
        BlockExample(
            title="Two roots",
            input={"input_xml": "<a>1</a><b>2</b>"},
            error="Validation error for dict:",
        ),
        BlockExample(
            title="Tags that do not match",
            input={"input_xml": '<a href="x">1</a>'},
            error="Error in input xml syntax: ",
        ),
    )

    async def run(self, input: XMLParserInput, context: BlockContext) -> AsyncIterator[Emission]:
        try:
            for element in parse_markup(input.input_xml):
                if element is None:
                    await asyncio.sleep(0)
                else:
                    yield "parsed_xml", {element.name: element.value()}
        except MarkupStructureError as error:
            raise BlockError(f"Validation error for dict:{error}") from None
        except MarkupSyntaxError as error:
            raise BlockError(f"Error in input xml syntax: {error}") from None
