"""Exports: nothing secret leaves, and what leaves comes in again as it was."""

import random
from typing import Any

import pytest
from httpx2 import AsyncClient

from models.ids import AGENT_EXECUTOR_BLOCK_ID
from tests.exports import CALCULATOR, GONE, INPUT, NOTE, OUTPUT, SHORT_TEXT_INPUT, export, old_export, team_export
from tests.gateway import Gateway, assert_refused, echo_graph_body, graph_body, node_body, save

CANARY = "canary-5f3a"
OF_A_GRAPH = ("name", "description", "instructions", "recommended_schedule_cron")


async def take_in(client: AsyncClient, body: Any) -> str:
    response = await client.post("/api/graphs/import", json=body)
    assert response.status_code == 200, response.text
    return response.json()["graph"]["id"]


async def exported(client: AsyncClient, graph_id: str, *, version: int | None = None) -> dict[str, Any]:
    address = f"/api/graphs/{graph_id}" + (f"/versions/{version}" if version else "")
    response = await client.get(address, params={"for_export": True})
    assert response.status_code == 200, response.text
    return response.json()


def content_of(graph: dict[str, Any]) -> dict[str, Any]:
    """What an export says apart from ids of graphs and what is computed; sub-graphs by their places."""
    places = {graph["id"]: 0, **{one["id"]: i for i, one in enumerate(graph["sub_graphs"], start=1)}}
    return {
        "graphs": [
            {
                **{field: one[field] for field in OF_A_GRAPH},
                "nodes": [_node(node, places) for node in one["nodes"]],
                "links": [{key: value for key, value in link.items() if key != "graph_id"} for link in one["links"]],
            }
            for one in (graph, *graph["sub_graphs"])
        ]
    }


def _node(node: dict[str, Any], places: dict[str, int]) -> dict[str, Any]:
    constants = dict(node["input_default"])
    if node["block_id"] == AGENT_EXECUTOR_BLOCK_ID:
        del constants["graph_version"]
        constants.pop("user_id", None)
        constants["graph_id"] = places.get(constants["graph_id"], constants["graph_id"])
        constants.setdefault("inputs", constants.pop("data", {}))
    return {"id": node["id"], "block_id": node["block_id"], "constants": constants, "metadata": node["metadata"]}


def random_export(seed: int) -> dict[str, Any]:
    """Any nodes with any constants, linked at random; some blocks are unknown, some pins too."""
    rng = random.Random(seed)
    blocks = (INPUT, SHORT_TEXT_INPUT, OUTPUT, CALCULATOR, NOTE, GONE, "echo", "switched_off", "vault")
    count = rng.randint(1, 12)
    nodes = [(f"node {i}", rng.choice(blocks), _constants(rng)) for i in range(count)]
    pins = ("result", "value", "out", "a", "values_#_some key", "list_$_0", "error", "Größe!", "tools_^_x_~_y")
    made = export(nodes, name=f"Random {seed} / (ä)", description=rng.choice(("", "d" * 2000)))
    ends = [(rng.choice(nodes)[0], rng.choice(pins), rng.choice(nodes)[0], rng.choice(pins)) for _ in range(count)]
    names = ("source_id", "source_name", "sink_id", "sink_name")
    made["links"] = [
        {"id": f"link {i}", **dict(zip(names, end, strict=True)), "is_static": rng.random() < 0.3}
        for i, end in enumerate(dict.fromkeys(ends))
    ]
    return made


def _constants(rng: random.Random) -> dict[str, Any]:
    values = (None, "", 0, 1.5, True, "text ü", [], {}, [1, [None]], {"k": {"format": "x"}}, {"values_#_a b": []})
    names = ("name", "value", "title", "format", "prompt_values", "values_#_Email Received", "b", "placeholder_values")
    return {name: rng.choice(values) for name in rng.sample(names, rng.randint(0, 5))}


@pytest.mark.parametrize("seed", range(25))
async def test_an_export_comes_in_again_as_it_was(gateway: Gateway, seed: int) -> None:
    body = random_export(seed)
    async with gateway.user() as client, gateway.user() as other:
        first = await exported(client, await take_in(client, body))
        assert [_node(node, {}) for node in first["nodes"]] == [_node(node, {}) for node in body["nodes"]]
        second = await exported(other, await take_in(other, first))
        assert content_of(second) == content_of(first)
        assert second["id"] != first["id"]
        assert second["input_schema"] == first["input_schema"]


@pytest.mark.parametrize("make", [old_export, team_export])
async def test_our_examples_come_in_again_as_they_were(gateway: Gateway, make: Any) -> None:
    body = make()
    async with gateway.user() as client, gateway.user() as other:
        first = await exported(client, await take_in(client, body))
        assert content_of(first) == content_of(body)
        second = await exported(other, await take_in(other, first))
        assert content_of(second) == content_of(first)
        shared = {one["id"] for one in (first, *first["sub_graphs"])} & {
            one["id"] for one in (second, *second["sub_graphs"])
        }
        assert not shared


async def test_each_version_that_is_run_comes_along(gateway: Gateway) -> None:
    async with gateway.user() as client, gateway.user() as other:
        child = await save(client, echo_graph_body(name="First"))
        await client.put(f"/api/graphs/{child}", json=echo_graph_body(name="Second"))
        of_version = ({"graph_id": child, "graph_version": version, "inputs": {}} for version in (1, 2))
        body = export([(f"run {i}", AGENT_EXECUTOR_BLOCK_ID, node) for i, node in enumerate(of_version, start=1)])
        first = await exported(client, await take_in(client, body))
        second = await exported(other, await take_in(other, first))
        names = {one["id"]: one["name"] for one in second["sub_graphs"]}
        assert [names[node["input_default"]["graph_id"]] for node in second["nodes"]] == ["First", "Second"]


async def test_an_export_has_the_form_of_the_platforms(gateway: Gateway) -> None:
    async with gateway.user("an-exporter") as client:
        graph = await exported(client, await take_in(client, team_export()))
        assert graph["user_id"] == ""
        assert all(node["webhook_id"] is None for node in graph["nodes"])
        assert {"graph_id", "graph_version"} <= set(graph["nodes"][0])
        (first, second) = graph["sub_graphs"]
        assert set(first) & {"user_id", "sub_graphs", "credentials_input_schema"} == set()
        assert set(first["nodes"][0]) & {"graph_id", "graph_version", "webhook_id"} == set()
        assert first["input_schema"]["required"] == ["Business Info"]
        assert (first["has_external_trigger"], first["trigger_setup_info"]) == (False, None)
        assert [one["name"] for one in (first, second)] == ["First", "Second"]


async def test_nothing_secret_leaves(gateway: Gateway) -> None:
    secrets = {
        "credentials": {"id": CANARY},
        "passphrase": CANARY,
        "settings": {
            "API_KEY": CANARY,
            "deep": [{"my_password": CANARY, "kept": 1}],
            "accessToken": {"a": CANARY},
            "secret": True,
        },
        "max_tokens": 100,
        "model": "large",
    }
    nodes = [
        ("v", "vault", secrets),
        ("in", SHORT_TEXT_INPUT, {"name": "key", "secret": True, "value": CANARY}),
        ("open", SHORT_TEXT_INPUT, {"name": "open", "secret": False, "value": "shown"}),
        ("gone", GONE, {"client_secret": CANARY, "headers": {"X-Token": CANARY, "X-Kept": "k"}}),
        (
            "agent",
            AGENT_EXECUTOR_BLOCK_ID,
            {
                "graph_id": "elsewhere",
                "graph_version": 1,
                "input_schema": {
                    "type": "object",
                    "properties": {
                        "Secret word": {"secret": True, "default": CANARY, "title": "Secret word"},
                        "Pin": {"secret": True},
                        "Max tokens": {"type": ["integer"], "anyOf": [{"type": "integer"}, {"type": "null"}]},
                        "Plain": "nonsense",
                    },
                },
                "output_schema": {},
                "inputs": {"Secret word": CANARY, "Pin": CANARY, "Max tokens": 5, "Plain": "p"},
            },
        ),
    ]
    body = export(nodes)
    body["nodes"][0]["metadata"]["notes"] = {"token": CANARY, "credentials_optional": True}
    async with gateway.user("keeper-of-secrets") as client:
        saved = await client.post("/api/graphs/import", json=body)
        graph_id = saved.json()["graph"]["id"]
        await client.put(f"/api/graphs/{graph_id}", json=saved.json()["graph"] | {"nodes": body["nodes"]})
        assert CANARY in (await client.get(f"/api/graphs/{graph_id}")).text
        for version in (None, 1, 2):
            graph = await exported(client, graph_id, version=version)
            assert CANARY not in str(graph)
            assert "keeper-of-secrets" not in str(graph)
            constants = {node["id"]: node["input_default"] for node in graph["nodes"]}
            assert constants["v"] == {
                "settings": {"deep": [{"kept": 1}], "secret": True},
                "max_tokens": 100,
                "model": "large",
            }
            assert graph["nodes"][0]["metadata"]["notes"] == {"credentials_optional": True}
            assert constants["in"] == {"name": "key", "secret": True}
            assert constants["open"]["value"] == "shown"
            assert constants["gone"] == {"headers": {"X-Kept": "k"}}
            assert constants["agent"]["inputs"] == {"Max tokens": 5, "Plain": "p"}
            declared = constants["agent"]["input_schema"]["properties"]
            assert declared["Secret word"] == {"secret": True, "title": "Secret word"}
            assert set(declared) == {"Secret word", "Pin", "Max tokens", "Plain"}
            assert graph["input_schema"]["required"] == ["key"]


async def test_sub_graphs_leave_without_secrets_too(gateway: Gateway) -> None:
    body = team_export()
    for one in (body, *body["sub_graphs"]):
        one["nodes"].append(node_body("k", SHORT_TEXT_INPUT, name="k", secret=True, value=CANARY))
    async with gateway.user() as client:
        graph_id = await take_in(client, body)
        assert CANARY in (await client.get(f"/api/graphs/{graph_id}")).text
        graph = await exported(client, graph_id)
        assert len(graph["sub_graphs"]) == 2
        assert CANARY not in str(graph)


async def test_a_foreign_graph_is_not_exported(gateway: Gateway) -> None:
    async with gateway.user() as client, gateway.user() as other:
        theirs = await save(other, echo_graph_body())
        for address in (f"/api/graphs/{theirs}", f"/api/graphs/{theirs}/versions/1"):
            assert_refused(await client.get(address, params={"for_export": True}), 404, "NOT_FOUND")


async def test_a_foreign_sub_graph_is_not_shown(gateway: Gateway) -> None:
    async with gateway.user() as client, gateway.user() as other:
        theirs = await save(other, echo_graph_body(name="Private plans"))
        body = export([("run", AGENT_EXECUTOR_BLOCK_ID, {"graph_id": theirs, "graph_version": 1})])
        graph_id = await take_in(client, body)
        for params in ({}, {"for_export": True}):
            graph = (await client.get(f"/api/graphs/{graph_id}", params=params)).json()
            assert graph["sub_graphs"] == []


async def test_reading_a_graph_says_what_needs_credentials(gateway: Gateway) -> None:
    async with gateway.user() as client:
        body = graph_body([node_body("a", "vault"), node_body("b", "vault", model="large"), node_body("c", "vault")])
        graph_id = await save(client, body)
        schema = (await client.get(f"/api/graphs/{graph_id}")).json()["credentials_input_schema"]
        assert list(schema["properties"]) == [
            "openai_api_key_credentials",
            "jina_api_key_credentials",
            "anthropic_api_key_credentials",
        ]
        assert schema["required"] == ["openai_api_key_credentials", "anthropic_api_key_credentials"]
        assert schema["properties"]["openai_api_key_credentials"]["discriminator_values"] == ["small"]
