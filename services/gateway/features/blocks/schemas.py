"""Blocks as clients see them; names as the platform's console reads them."""

from typing import Any

from pydantic import BaseModel

from activities.blocks.registry import BlockType


class CategoryOut(BaseModel):
    category: str
    description: str


class ContributorOut(BaseModel):
    name: str


class CostOut(BaseModel):
    cost_amount: int
    cost_filter: dict[str, Any]
    cost_type: str


class BlockOut(BaseModel):
    """`disabled` says what is missing for the block to run; null if it runs."""

    id: str
    name: str
    inputSchema: dict[str, Any]
    outputSchema: dict[str, Any]
    costs: list[CostOut]
    description: str
    categories: list[CategoryOut]
    contributors: list[ContributorOut]
    staticOutput: bool
    uiType: str
    disabled: str | None


def block_out(block: BlockType) -> BlockOut:
    return BlockOut(
        id=block.id,
        name=block.name(),
        inputSchema=block.input_schema(),
        outputSchema=block.output_schema(),
        costs=[CostOut.model_validate(cost.model_dump()) for cost in block.costs],
        description=block.description,
        categories=[CategoryOut(category=c.name, description=c.value) for c in block.categories],
        contributors=[ContributorOut(name=name) for name in block.contributors],
        staticOutput=block.static_output,
        uiType=block.kind.value,
        disabled=block.disabled,
    )
