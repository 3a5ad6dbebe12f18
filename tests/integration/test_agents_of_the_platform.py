"""Real exported agents, where there are some beside the checkout: each comes in whole and goes out as it was."""

import json
from pathlib import Path
from typing import Any, Final

import pytest

from tests.gateway import Gateway
from tests.integration.test_graph_export import content_of, exported, take_in
from tests.sample_blocks import sample_registry

FOLDER: Final = Path(__file__).parents[2].parent / "shared" / "corpus" / "autogpt"
FILES: Final = sorted(FOLDER.glob("*.json"))
BLOCKS: Final = sample_registry()

pytestmark = pytest.mark.skipif(not FILES, reason="there are no exported agents beside this checkout")


def read(file: Path) -> dict[str, Any]:
    content = json.loads(file.read_bytes())
    return content.get("graph_data", content)


def missing_blocks(body: dict[str, Any]) -> set[str]:
    used = [node["block_id"] for graph in (body, *body["sub_graphs"]) for node in graph["nodes"]]
    return {block_id for block_id in used if (block := BLOCKS.find(block_id)) is None or block.disabled is not None}


def required_credentials(body: dict[str, Any]) -> dict[str, Any]:
    return body["credentials_input_schema"]["properties"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem[:14])
async def test_it_comes_in_and_goes_out_as_it_was(gateway: Gateway, file: Path) -> None:
    body = read(file)
    async with gateway.user() as client, gateway.user() as other:
        first = await exported(client, await take_in(client, body))
        assert content_of(first)["graphs"][0]["links"] == content_of(body)["graphs"][0]["links"]
        shape = [(node["id"], node["block_id"]) for node in first["nodes"]]
        assert shape == [(node["id"], node["block_id"]) for node in body["nodes"]]
        second = await exported(other, await take_in(other, first))
        assert content_of(second) == content_of(first)
        if all(one["id"] in json.dumps(body["nodes"]) for one in body["sub_graphs"][:1]):
            assert content_of(first) == content_of(body)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem[:14])
async def test_the_report_names_exactly_the_missing_blocks(gateway: Gateway, file: Path) -> None:
    body = read(file)
    missing = missing_blocks(body)
    async with gateway.user() as client:
        answer = (await client.post("/api/graphs/import", json=body, params={"dry_run": True})).json()
    report = answer["report"]
    assert {block["block_id"] for block in report["missing_blocks"]} == missing
    nodes = {
        node["id"] for graph in (body, *body["sub_graphs"]) for node in graph["nodes"] if node["block_id"] in missing
    }
    kinds = ("unknown_block", "disabled_block")
    assert {found["node_id"] for found in report["findings"] if found["kind"] in kinds} == nodes
    assert [found for found in report["findings"] if found["kind"] == "missing_sub_graph"] == []
    assert report["runnable"] is (not any(found["stops_run"] for found in report["findings"]))
    assert len(answer["sub_graphs"]) == len(body["sub_graphs"])


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem[:14])
async def test_inputs_outputs_and_credentials_are_computed_as_there(gateway: Gateway, file: Path) -> None:
    body = read(file)
    async with gateway.user() as client:
        graph = (await client.post("/api/graphs/import", json=body, params={"dry_run": True})).json()["graph"]
    for schema in ("input_schema", "output_schema"):
        unknown = {node["input_default"].get("name") for node in body["nodes"] if BLOCKS.find(node["block_id"]) is None}
        there = {name: pin for name, pin in body[schema]["properties"].items() if name not in unknown}
        assert graph[schema]["properties"] == there
        assert graph[schema]["required"] == [name for name in body[schema]["required"] if name not in unknown]
    there = required_credentials(body)
    computed = required_credentials(graph)
    assert set(computed) <= set(there)
    for key, need in computed.items():
        assert need["credentials_provider"] == there[key]["credentials_provider"]
        assert need["properties"] == there[key]["properties"]
        assert need["title"] == there[key]["title"]
        assert need["discriminator_values"] == there[key]["discriminator_values"]
