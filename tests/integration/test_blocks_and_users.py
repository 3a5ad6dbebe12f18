"""The block library, blocks run directly, and the caller's own account."""

from typing import Any

import pytest

from tests.gateway import Gateway, assert_refused


async def test_the_library_describes_every_block(gateway: Gateway) -> None:
    async with gateway.user() as client:
        blocks = {block["name"]: block for block in (await client.get("/api/blocks")).json()}
        found = (await client.get("/api/blocks/363ae599-353e-4804-937e-b2ee3cef3da4")).json()
        alias = (await client.get("/api/blocks/agent_output_block")).json()
    assert found == alias == blocks["AgentOutputBlock"]
    assert set(found) == {
        "id",
        "name",
        "inputSchema",
        "outputSchema",
        "costs",
        "description",
        "categories",
        "contributors",
        "staticOutput",
        "uiType",
        "disabled",
    }
    assert found["uiType"] == "Output"
    assert found["staticOutput"] is True
    assert found["categories"][0]["category"] == "OUTPUT"
    assert "value" in found["inputSchema"]["properties"]


@pytest.mark.parametrize(
    ("block_id", "body", "outputs"),
    [
        ("echo", {"value": [1, None]}, {"out": [[1, None]]}),
        ("spread", {"count": "3"}, {"out": [0, 1, 2]}),
        ("create_dictionary_block", {"values_#_a": 1, "values_#_b": 2}, {"dictionary": [{"a": 1, "b": 2}]}),
        ("echo", {"value": "\u0000"}, {"out": ["\ufffd"]}),
    ],
)
async def test_a_block_runs_outside_a_graph(
    gateway: Gateway, block_id: str, body: dict[str, Any], outputs: dict[str, list[Any]]
) -> None:
    before = await gateway.row_counts()
    async with gateway.user() as client:
        response = await client.post(f"/api/blocks/{block_id}/execute", json=body)
    assert response.status_code == 200, response.text
    assert response.json() == outputs
    assert await gateway.row_counts() == before


async def test_what_a_block_refuses_or_cannot_do_is_an_error(gateway: Gateway) -> None:
    async with gateway.user() as client:

        async def run(block_id: str, body: Any) -> Any:
            return await client.post(f"/api/blocks/{block_id}/execute", json=body)

        assert_refused(await run("nope", {}), 404, "NOT_FOUND")
        assert_refused(await client.get("/api/blocks/nope"), 404, "NOT_FOUND")
        wrong = assert_refused(await run("spread", {}), 400, "BLOCK_INPUT_INVALID")
        assert "'count'" in wrong["detail"]
        assert_refused(await run("spread", []), 422, "VALIDATION_ERROR")
        assert assert_refused(await run("fail", {"message": "no luck"}), 400, "BLOCK_FAILED")["detail"] == "no luck"
        late = assert_refused(await run("short_timeout", {"seconds": 60}), 504, "BLOCK_TIMEOUT")
        assert "0.2 s" in late["detail"]
        assert_refused(await run("switched_off", {}), 403, "BLOCK_DISABLED")


async def test_blocks_that_cannot_run_yet_are_shown_and_refused(gateway: Gateway) -> None:
    async with gateway.user() as client:
        blocks = {block["name"]: block for block in (await client.get("/api/blocks")).json()}
        awaited = blocks["SendWebRequestBlock"]
        assert awaited["disabled"] == "it needs the HTTP egress client, which this installation does not have yet."
        assert awaited["inputSchema"]["required"] == ["url"]
        for name in ("OrchestratorBlock", "MCPToolBlock", "GenericWebhookTriggerBlock", "BlockInstallationBlock"):
            assert blocks[name]["disabled"]
        response = await client.post(f"/api/blocks/{awaited['id']}/execute", json={"url": "https://example.com"})
        refused = assert_refused(response, 403, "BLOCK_DISABLED")
        assert awaited["disabled"] in refused["detail"]


async def test_a_disabled_block_is_refused_in_graphs_too(gateway: Gateway) -> None:
    async with gateway.user() as client:
        body = {"name": "g", "nodes": [{"id": "off", "block_id": "switched_off"}], "links": []}
        refused = assert_refused(await client.post("/api/graphs", json=body), 400, "GRAPH_VALIDATION_ERROR")
        assert "disabled" in refused["detail"]["node_errors"]["off"]["block_id"]


async def test_the_account_is_the_same_under_all_its_addresses(gateway: Gateway) -> None:
    async with gateway.user("somebody-else", email="else@example.com") as client:
        user = (await client.post("/api/auth/user")).json()
        for path in ("/api/user", "/api/user/profile", "/api/auth/user"):
            assert (await client.get(path)).json() == user
        assert (await client.get("/me")).json() == {"user_id": "somebody-else", "email": "else@example.com"}
        assert user["display_name"] == "else"
        for path in ("/api/credits", "/api/user/credits"):
            assert (await client.get(path)).json() == {"credits": 100}


async def test_name_address_and_timezone_can_be_changed(gateway: Gateway) -> None:
    async with gateway.user() as client:
        changes = {"name": " Ada ", "email": "ada@example.com", "timezone": "Europe/Berlin"}
        user = (await client.put("/api/user", json=changes)).json()
        assert (user["name"], user["email"], user["timezone"]) == ("Ada", "ada@example.com", "Europe/Berlin")
        same = (await client.put("/api/user", json={"name": None})).json()
        assert (same["name"], same["timezone"]) == ("Ada", "Europe/Berlin")
        assert (await client.get("/api/user")).json()["email"] == "ada@example.com"


@pytest.mark.parametrize(
    "change",
    [
        {"timezone": "Mars/Olympus"},
        {"timezone": "../../etc/passwd"},
        {"email": "nobody"},
        {"name": "  "},
        {"name": "x" * 101},
        {"name": 7},
    ],
)
async def test_a_change_that_makes_no_sense_is_refused(gateway: Gateway, change: dict[str, Any]) -> None:
    async with gateway.user() as client:
        before = (await client.get("/api/user")).json()
        assert_refused(await client.put("/api/user", json=change), 422, "VALIDATION_ERROR")
        assert (await client.get("/api/user")).json() == before
