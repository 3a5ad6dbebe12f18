"""Importing exported agents over HTTP: what is kept, what is renewed, what is reported."""

import json
from typing import Any

import pytest
from httpx2 import AsyncClient

from models.ids import AGENT_EXECUTOR_BLOCK_ID, new_id
from tests import exports
from tests.exports import GONE, INPUT, OUTPUT, agent_node, calculator_export, export, old_export, team_export
from tests.gateway import Gateway, assert_refused, echo_graph_body, execute, graph_body, link_body, node_body, save

JSON = {"Content-Type": "application/json"}


async def imported(client: AsyncClient, body: Any, **params: Any) -> dict[str, Any]:
    response = await client.post("/api/graphs/import", json=body, params=params)
    assert response.status_code == 200, response.text
    return response.json()


def kinds(answer: dict[str, Any], node_id: str | None = None) -> list[str]:
    findings = answer["report"]["findings"]
    return [found["kind"] for found in findings if node_id is None or found["node_id"] == node_id]


def constants(graph: dict[str, Any], node_id: str) -> dict[str, Any]:
    return next(node["input_default"] for node in graph["nodes"] if node["id"] == node_id)


@pytest.mark.parametrize("wrapper", [None, "graph_data", "graph"])
async def test_an_agent_that_can_run_is_saved_with_nothing_to_report(gateway: Gateway, wrapper: str | None) -> None:
    body = calculator_export()
    download = {wrapper: body, "marketplace_name": "Store", "marketplace_categories": []} if wrapper else body
    async with gateway.user() as client:
        answer = await imported(client, download)
        graph = answer["graph"]
        assert (graph["name"], graph["version"], graph["is_active"]) == ("Calculator", 1, True)
        assert graph["id"] != body["id"]
        assert [node["id"] for node in graph["nodes"]] == ["in", "add", "out"]
        assert graph["input_schema"]["required"] == ["Input"]
        assert answer["saved"] is True
        assert answer["sub_graphs"] == []
        assert answer["report"] == {
            "runnable": True,
            "message": "The agent can run.",
            "findings": [],
            "finding_count": 0,
            "missing_blocks": [],
            "credentials": [],
        }
        assert (await client.get(f"/api/graphs/{graph['id']}")).json() == graph


async def test_oddities_of_old_exports_are_taken_as_they_are(gateway: Gateway) -> None:
    body = old_export(description="d" * 3000)
    async with gateway.user() as client:
        answer = await imported(client, body)
        graph = answer["graph"]
        assert (graph["name"], graph["version"], graph["is_active"]) == (body["name"], 1, True)
        assert graph["description"] == body["description"]
        for node in body["nodes"]:
            assert constants(graph, node["id"]) == node["input_default"]
        assert [link["id"] for link in graph["links"]] == [link["id"] for link in body["links"]]
        assert [link["is_static"] for link in graph["links"]] == [True, True, False, False, False]
        assert graph["input_schema"]["properties"]["Tone: which one?"]["enum"] == ["a", "b"]
        assert list(graph["input_schema"]["properties"]) == ["Tone: which one?", "Größe / (cm)"]


async def test_unknown_and_disabled_blocks_are_kept_and_reported(gateway: Gateway) -> None:
    body = old_export(description="d" * 3000)
    body["nodes"].append(node_body("off", "switched_off", value=1))
    async with gateway.user() as client:
        answer = await imported(client, body)
        report = answer["report"]
        assert report["runnable"] is False
        assert [(one["block_id"], one["name"], one["node_count"]) for one in report["missing_blocks"]] == [
            (GONE, None, 1),
            ("switched_off", "SwitchedOffBlock", 1),
        ]
        assert report["missing_blocks"][1]["reason"].endswith("is disabled: it is switched off in tests")
        gone = next(found for found in report["findings"] if found["node_id"] == "missing")
        assert (gone["kind"], gone["stops_run"], gone["node_name"]) == ("unknown_block", True, "Ask the model")
        assert kinds(answer, "off") == ["disabled_block"]
        assert kinds(answer, "in") == ["unused_value"]
        assert "long_description" in kinds(answer)
        assert [found["stops_run"] for found in report["findings"]] == [True, True, False, False]
        unsupported = {node["id"]: node["unsupported"] for node in answer["graph"]["nodes"]}
        assert [node for node, reason in unsupported.items() if reason] == ["missing", "off"]


async def test_an_imported_graph_with_placeholders_is_read_edited_and_refused_to_run(gateway: Gateway) -> None:
    async with gateway.user() as client:
        graph = (await imported(client, old_export()))["graph"]
        address = f"/api/graphs/{graph['id']}"
        refused = await client.post(f"{address}/execute", json={"inputs": {}, "credentials_inputs": {}})
        detail = assert_refused(refused, 400, "GRAPH_VALIDATION_ERROR")["detail"]
        assert detail["type"] == "validation_error"
        assert detail["node_errors"] == {"missing": {"block_id": f"Invalid block {GONE!r}: there is no such block"}}

        edited = (await client.get(address)).json()
        edited["name"] = "Edited"
        checked = (await client.post("/api/graphs/validate", json=edited)).json()
        assert (checked["valid"], checked["run"]["ready"]) == (True, False)
        saved = await client.put(address, json=edited)
        assert (saved.status_code, saved.json()["version"]) == (200, 2)

        edited["nodes"].append(node_body("another", GONE))
        body = assert_refused(await client.put(address, json=edited), 400, "GRAPH_VALIDATION_ERROR")
        assert list(body["detail"]["node_errors"]) == ["another"]
        assert (await client.post("/api/graphs/validate", json=edited)).json()["valid"] is False
        edited["nodes"][-1] = node_body("another", "switched_off")
        assert_refused(await client.put(address, json=edited), 400, "GRAPH_VALIDATION_ERROR")

        edited["nodes"] = [node for node in edited["nodes"] if node["id"] not in ("missing", "another")]
        edited["links"] = []
        assert (await client.put(address, json=edited)).status_code == 200
        run = await execute(client, graph["id"])
        assert run


async def test_links_to_pins_that_a_block_has_no_more_are_kept_and_stop_a_run(gateway: Gateway) -> None:
    body = calculator_export()
    body["links"] += [link_body("in.result", "add.precision"), link_body("add.remainder", "out.value")]
    async with gateway.user() as client:
        answer = await imported(client, body)
        assert kinds(answer) == ["unsupported_pin", "unsupported_pin"]
        assert [found["pin"] for found in answer["report"]["findings"]] == ["precision", "remainder"]
        assert len(answer["graph"]["links"]) == 4
        address = f"/api/graphs/{answer['graph']['id']}"
        refused = await client.post(f"{address}/execute", json={"inputs": {"Input": 1}, "credentials_inputs": {}})
        errors = assert_refused(refused, 400, "GRAPH_VALIDATION_ERROR")["detail"]["node_errors"]
        assert list(errors["add"]) == ["precision", "remainder"]
        edited = (await client.get(address)).json()
        assert (await client.put(address, json=edited)).status_code == 200
        edited["links"].append(link_body("in.result", "add.digits"))
        errors = assert_refused(await client.put(address, json=edited), 400, "GRAPH_VALIDATION_ERROR")
        assert errors["detail"]["node_errors"]["add"].keys() == {"digits"}


async def test_what_a_node_lacks_is_reported(gateway: Gateway) -> None:
    nodes = [("sum", "sum", {"a": 1}), ("spread", "spread", {"count": "x", "size": []}), ("loop", "echo", {})]
    async with gateway.user() as client:
        answer = await imported(client, export(nodes, ["loop.out loop.value"]))
        (missing,) = [found for found in answer["report"]["findings"] if found["node_id"] == "sum"]
        assert (missing["kind"], missing["pin"], missing["stops_run"]) == ("missing_input", "b", True)
        assert kinds(answer, "loop") == ["unreachable"]
        assert answer["report"]["runnable"] is False
        empty = await imported(client, export([("note", exports.NOTE, {})]))
        assert kinds(empty) == ["no_starting_node"]


async def test_sub_graphs_come_along_under_new_ids(gateway: Gateway) -> None:
    body = team_export()
    async with gateway.user("importer-of-teams") as client:
        answer = await imported(client, body)
        graph, (first, second) = answer["graph"], answer["sub_graphs"]
        assert [(one["file_id"], one["version"]) for one in (first, second)] == [
            (sub_graph["id"], 1) for sub_graph in body["sub_graphs"]
        ]
        run = constants(graph, "run")
        assert (run["graph_id"], run["graph_version"], run["user_id"]) == (first["id"], 1, "importer-of-teams")
        assert run["inputs"] == {}
        assert [sub_graph["id"] for sub_graph in graph["sub_graphs"]] == [first["id"], second["id"]]
        deeper = constants(graph["sub_graphs"][0], "deeper")
        assert (deeper["graph_id"], deeper["inputs"]) == (second["id"], {"Business Info": "x"})
        again = constants(graph["sub_graphs"][1], "again")
        assert (again["graph_id"], again["inputs"]) == (first["id"], {"Business Info": "old"})
        assert "data" not in again
        assert "missing_sub_graph" not in kinds(answer)
        for one in (first, second):
            saved = (await client.get(f"/api/graphs/{one['id']}")).json()
            assert (saved["name"], saved["user_id"]) == (one["name"], "importer-of-teams")
        assert graph["sub_graphs"][0]["input_schema"]["required"] == ["Business Info"]


async def test_references_that_lost_their_ids_are_matched_by_their_pins(gateway: Gateway) -> None:
    body = team_export()
    body["nodes"][1]["input_default"]["graph_id"] = new_id()
    body["sub_graphs"][0]["input_schema"] = body["nodes"][1]["input_default"]["input_schema"]
    body["sub_graphs"][0]["output_schema"] = body["nodes"][1]["input_default"]["output_schema"]
    async with gateway.user() as client:
        answer = await imported(client, body)
        assert constants(answer["graph"], "run")["graph_id"] == answer["sub_graphs"][0]["id"]
        assert "matched_sub_graph" in kinds(answer, "run")
        body["sub_graphs"].append(body["sub_graphs"][0] | {"id": new_id()})
        ambiguous = await imported(client, body)
        assert "missing_sub_graph" in kinds(ambiguous, "run")


async def test_a_reference_to_ones_own_graph_stays_and_to_anothers_is_missing(gateway: Gateway) -> None:
    async with gateway.user() as client, gateway.user() as stranger:
        own = await save(client, echo_graph_body(name="Mine"))
        body = export([agent_node("run", {"id": own, "version": 1})])
        answer = await imported(client, body)
        assert constants(answer["graph"], "run")["graph_id"] == own
        assert [one["name"] for one in answer["graph"]["sub_graphs"]] == ["Mine"]
        assert "missing_sub_graph" not in kinds(answer)
        foreign = await imported(stranger, body)
        assert "missing_sub_graph" in kinds(foreign, "run")
        assert foreign["report"]["runnable"] is False
        assert foreign["graph"]["sub_graphs"] == []
        exported = await stranger.get(f"/api/graphs/{foreign['graph']['id']}", params={"for_export": True})
        assert "Mine" not in exported.text


async def test_a_dry_run_reports_the_same_and_saves_nothing(gateway: Gateway) -> None:
    async with gateway.user() as client:
        for body in (team_export(), old_export()):
            before = await gateway.row_counts()
            dry = await imported(client, body, dry_run=True)
            assert await gateway.row_counts() == before
            assert dry["saved"] is False
            assert (await client.get(f"/api/graphs/{dry['graph']['id']}")).status_code == 404
            wet = await imported(client, body)
            assert kinds(dry) == kinds(wet)
            assert dry["report"]["message"] == wet["report"]["message"]
            assert len(dry["graph"]["sub_graphs"]) == len(wet["graph"]["sub_graphs"])


async def test_all_graphs_of_a_file_are_saved_or_none(gateway: Gateway) -> None:
    async with gateway.user() as client:
        body = team_export()
        body["sub_graphs"][1]["nodes"][2]["id"] = body["sub_graphs"][1]["nodes"][0]["id"]
        before = await gateway.row_counts()
        refused = assert_refused(await client.post("/api/graphs/import", json=body), 400, "GRAPH_VALIDATION_ERROR")
        assert "ids must be unique in a graph" in str(refused["detail"])
        assert_refused(await client.post("/api/graphs", json=body), 400, "GRAPH_VALIDATION_ERROR")
        assert await gateway.row_counts() == before


async def test_a_plain_save_takes_sub_graphs_but_no_blocks_that_cannot_run(gateway: Gateway) -> None:
    inner = echo_graph_body(id="inner", version=3)
    async with gateway.user() as client:
        before = await gateway.row_counts()
        response = await client.post("/api/graphs", json=echo_graph_body(sub_graphs=[inner]))
        assert response.status_code == 200
        assert (await gateway.row_counts())["graphs"] == before["graphs"] + 2
        for block in (GONE, "switched_off"):
            body = graph_body([node_body("n", block)])
            assert_refused(await client.post("/api/graphs", json=body), 400, "GRAPH_VALIDATION_ERROR")


async def test_names_and_links_are_put_right_where_they_can_be(gateway: Gateway) -> None:
    body = calculator_export(name="  ")
    del body["links"]
    async with gateway.user() as client:
        answer = await imported(client, {"graph_data": body, "marketplace_name": "From the store"})
        assert answer["graph"]["name"] == "From the store"
        assert sorted(kinds(answer)) == ["links_recovered", "name_changed"]
        assert [(link["source_name"], link["sink_name"]) for link in answer["graph"]["links"]] == [
            ("result", "a"),
            ("result", "value"),
        ]
        assert (await imported(client, calculator_export(name=None)))["graph"]["name"] == "Imported agent"
        long = (await imported(client, calculator_export(name="n" * 300)))["graph"]["name"]
        assert (len(long), long[-1]) == (100, "…")


async def test_webhooks_and_credentials_of_another_place_are_left_out(gateway: Gateway) -> None:
    chosen = {"id": "theirs", "provider": "openai", "type": "api_key"}
    body = export([("v", "vault", {"credentials": chosen, "model": "large"})])
    body["nodes"][0]["webhook_id"] = "their-hook"
    async with gateway.user() as client:
        answer = await imported(client, body)
        assert constants(answer["graph"], "v") == {"model": "large"}
        assert answer["graph"]["nodes"][0]["webhook_id"] is None
        assert kinds(answer) == ["value_dropped", "value_dropped"]
        report = answer["report"]
        assert report["runnable"] is True
        assert report["message"] == "The agent can run once it has credentials: anthropic_api_key_credentials."
        assert [(one["key"], one["required"], one["providers"]) for one in report["credentials"]] == [
            ("anthropic_api_key_credentials", True, ["anthropic"]),
            ("jina_api_key_credentials", False, ["jina"]),
        ]
        assert answer["graph"]["credentials_input_schema"]["required"] == ["anthropic_api_key_credentials"]


async def test_owner_and_version_in_a_file_have_no_effect(gateway: Gateway) -> None:
    async with gateway.user("the-importer") as client, gateway.user() as other:
        theirs = await save(other, echo_graph_body())
        answer = await imported(client, calculator_export(id=theirs, user_id="somebody", version=9))
        assert (answer["graph"]["user_id"], answer["graph"]["version"]) == ("the-importer", 1)
        assert (await other.get(f"/api/graphs/{theirs}/versions")).headers["X-Total-Count"] == "1"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-8"])
async def test_files_in_other_encodings_are_read(gateway: Gateway, encoding: str) -> None:
    content = json.dumps(old_export(), ensure_ascii=False).encode(encoding)
    async with gateway.user() as client:
        response = await client.post("/api/graphs/import", content=content, headers=JSON)
        assert response.status_code == 200, response.text
        assert response.json()["graph"]["name"] == "Agent (old) / 🦉"


async def test_huge_and_deep_files_are_refused(gateway: Gateway) -> None:
    limit = gateway.settings.gateway.max_request_bytes
    deep_constant: Any = "x"
    for _ in range(70):
        deep_constant = [deep_constant]
    nested: dict[str, Any] = calculator_export()
    for _ in range(101):
        nested = calculator_export(sub_graphs=[nested])
    too_many = calculator_export(sub_graphs=[{"name": str(i), "nodes": []} for i in range(101)])
    async with gateway.user() as client:
        before = await gateway.row_counts()
        huge = await client.post("/api/graphs/import", json=calculator_export(instructions="x" * limit))
        assert_refused(huge, 413, "PAYLOAD_TOO_LARGE")
        raw = await client.post("/api/graphs/import", content="[" * 100_000, headers=JSON)
        assert raw.status_code == 400
        for body in (export([("d", GONE, {"v": deep_constant})]), nested, too_many):
            assert (await client.post("/api/graphs/import", json=body)).status_code == 400
        for body in ({"nodes": "none"}, {"graph_data": {"nodes": [{"id": 1}]}}, [], "text", None):
            assert (await client.post("/api/graphs/import", json=body)).status_code in (400, 422)
        assert await gateway.row_counts() == before


async def test_a_report_of_very_many_findings_is_cut_and_counted(gateway: Gateway) -> None:
    nodes = [(str(i), GONE, {}) for i in range(1500)]
    async with gateway.user() as client:
        report = (await imported(client, export(nodes), dry_run=True))["report"]
        assert (len(report["findings"]), report["finding_count"]) == (1000, 1500)
        assert report["missing_blocks"][0]["node_count"] == 1500


async def test_agent_nodes_of_any_save_belong_to_their_owner(gateway: Gateway) -> None:
    async with gateway.user("owner-of-agents") as client:
        answer = await imported(client, export([agent_node("run", {"id": new_id(), "version": 1})]))
        graph = answer["graph"]
        graph["nodes"][0]["input_default"]["user_id"] = "somebody else"
        response = await client.put(f"/api/graphs/{graph['id']}", json=graph)
        assert response.status_code == 200, response.text
        assert constants(response.json(), "run")["user_id"] == "owner-of-agents"
        assert response.json()["nodes"][0]["block_id"] == AGENT_EXECUTOR_BLOCK_ID


async def test_inputs_and_outputs_are_those_of_the_known_blocks(gateway: Gateway) -> None:
    body = export([("i", INPUT, {"name": "x", "value": 1}), ("o", OUTPUT, {"name": "y"}), ("g", GONE, {"name": "z"})])
    async with gateway.user() as client:
        graph = (await imported(client, body))["graph"]
        assert list(graph["input_schema"]["properties"]) == ["x"]
        assert list(graph["output_schema"]["properties"]) == ["y"]
