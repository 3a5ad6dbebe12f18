"""Exported agents in the forms that installations of the platform write, made up for our tests."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from models.ids import AGENT_EXECUTOR_BLOCK_ID, new_id

INPUT: Final = "c0a8e994-ebf1-4a9c-a4d8-89d09c86741b"
SHORT_TEXT_INPUT: Final = "7fcd3bcb-8e1b-4e69-903d-32d3d4a92158"
NUMBER_INPUT: Final = "96dae2bb-97a2-41c2-bd2f-13a3b5a8ea98"
OUTPUT: Final = "363ae599-353e-4804-937e-b2ee3cef3da4"
CALCULATOR: Final = "b1ab9b19-67a6-406d-abf5-2dba76d00c79"
NOTE: Final = "cc10ff7b-7753-4ff2-9af6-9399b1a7eddc"
GONE: Final = "00000000-dead-4000-8000-000000000001"
"""A block that nobody has."""


def export(
    nodes: Sequence[tuple[str, str, Mapping[str, Any]]], links: Sequence[str] = (), **fields: Any
) -> dict[str, Any]:
    """An export as current versions write it; nodes are (id, block, constants), links "a.pin b.pin", "!" at the end
    for static ones. Links stand in the graph and again in both of their nodes."""
    graph_id, version = fields.setdefault("id", new_id()), fields.setdefault("version", 7)
    made = [_link(link) for link in links]
    return {
        "id": graph_id,
        "version": version,
        "is_active": True,
        "name": "Exported",
        "description": "",
        "instructions": None,
        "recommended_schedule_cron": None,
        "nodes": [_node(one, made, graph_id=graph_id, graph_version=version, webhook_id=None) for one in nodes],
        "links": made,
        "forked_from_id": None,
        "forked_from_version": None,
        "sub_graphs": [],
        "user_id": "",
        "created_at": "2025-04-19T17:10:48.857Z",
        "input_schema": {"type": "object", "properties": {}, "required": []},
        "output_schema": {"type": "object", "properties": {}, "required": []},
        "has_external_trigger": False,
        "has_human_in_the_loop": False,
        "has_sensitive_action": False,
        "trigger_setup_info": None,
        "credentials_input_schema": {"properties": {}, "required": [], "title": "X", "type": "object"},
        **fields,
    }


def sub_graph(
    nodes: Sequence[tuple[str, str, Mapping[str, Any]]], links: Sequence[str] = (), **fields: Any
) -> dict[str, Any]:
    """A graph as it stands in `sub_graphs`: nodes say nothing of their graph, and nobody owns it."""
    full = export(nodes, links, **fields)
    for key in ("sub_graphs", "user_id", "created_at", "credentials_input_schema", "has_sensitive_action"):
        del full[key]
    for node in full["nodes"]:
        del node["graph_id"], node["graph_version"], node["webhook_id"]
    return full


def calculator_export(**fields: Any) -> dict[str, Any]:
    """An input, 34 added to it, an output: the smallest agent that computes something."""
    nodes = [
        ("in", INPUT, {"name": "Input"}),
        ("add", CALCULATOR, {"b": 34, "operation": "Add", "round_result": False}),
        ("out", OUTPUT, {"name": "Output"}),
    ]
    return export(nodes, ["in.result add.a !", "add.result out.value"], **{"name": "Calculator", **fields})


def old_export(**fields: Any) -> dict[str, Any]:
    """What versions of 2024 wrote: keys in another order, explicit nulls, pins of then, webhooks, a huge version."""
    nodes = [
        (
            "in",
            INPUT,
            {"name": "Tone: which one?", "title": None, "value": "b", "placeholder_values": ["a", "b"], "limit": 3},
        ),
        ("short", SHORT_TEXT_INPUT, {"name": "Größe / (cm)", "value": "1", "placeholder_values": []}),
        ("note", NOTE, {"text": "Read me"}),
        ("missing", GONE, {"prompt": "{{X}}", "prompt_values": {}, "format": ""}),
        ("out", OUTPUT, {"name": "return", "title": None, "value": None, "format": ""}),
    ]
    links = [
        "in.result missing.prompt_values_#_Tone of voice !",
        "short.result missing.prompt_values_#_X !",
        "missing.response out.value",
        "missing.error out.value",
        "missing.items_$_0 missing.history",
    ]
    made = export(nodes, links, **{"name": "Agent (old) / 🦉", "version": 369, "is_active": False, **fields})
    for node in made["nodes"]:
        node["webhook"] = None
    made["nodes"][3]["metadata"]["customized_name"] = "Ask the model"
    del made["has_sensitive_action"]
    return dict(reversed(made.items()))


def agent_node(node_id: str, target: Mapping[str, Any], **constants: Any) -> tuple[str, str, dict[str, Any]]:
    """A node that runs `target`, which is a graph of the file."""
    return (
        node_id,
        AGENT_EXECUTOR_BLOCK_ID,
        {
            "user_id": "b3e41ea4-2f4c-4964-927c-fe682d857bad",
            "graph_id": target["id"],
            "graph_version": target["version"],
            "input_schema": _schema("Business Info"),
            "output_schema": _schema("Results!", "ERROR"),
            **constants,
        },
    )


def team_export(**fields: Any) -> dict[str, Any]:
    """An agent that runs one that runs another, which runs the second again: references go round in a circle."""
    first_id, second_id = new_id(), new_id()
    second = sub_graph(
        [
            ("i", INPUT, {"name": "Business Info"}),
            agent_node("again", {"id": first_id, "version": 10}, data={"Business Info": "old"}),
            ("o", OUTPUT, {"name": "Results!"}),
        ],
        ["i.result again.Business Info !", "again.Results! o.value"],
        id=second_id,
        version=16,
        name="Second",
    )
    first = sub_graph(
        [
            ("i", INPUT, {"name": "Business Info"}),
            agent_node("deeper", second, inputs={"Business Info": "x"}),
            ("o", OUTPUT, {"name": "Results!"}),
        ],
        ["i.result deeper.Business Info !", "deeper.Results! o.value"],
        id=first_id,
        version=10,
        name="First",
    )
    return export(
        [("i", INPUT, {"name": "q"}), agent_node("run", first), ("o", OUTPUT, {"name": "a"})],
        ["i.result run.Business Info !", "run.Results! o.value"],
        **{"sub_graphs": [first, second], "name": "Team", **fields},
    )


def delegating_export() -> dict[str, Any]:
    """An agent that has another one add 34 to its input, which leaves it to a third."""
    pins = {"input_schema": _schema("Number!"), "output_schema": _schema("The sum")}
    ends = [("in", INPUT, {"name": "Number!"}), ("out", OUTPUT, {"name": "The sum"})]
    links = ["in.result run.Number! !", "run.The sum out.value"]
    adder = sub_graph(
        [*ends, ("run", CALCULATOR, {"b": 34, "operation": "Add"})],
        ["in.result run.a !", "run.result out.value"],
        name="Adder",
    )
    middle = sub_graph([*ends, agent_node("run", adder, **pins)], links, name="Middle")
    return export([*ends, agent_node("run", middle, **pins)], links, name="Delegating", sub_graphs=[middle, adder])


def _schema(*names: str) -> dict[str, Any]:
    properties = {name: {"title": name, "secret": False, "advanced": False} for name in names}
    return {"type": "object", "properties": properties, "required": list(names)}


def _link(text: str) -> dict[str, Any]:
    is_static = text.endswith(" !")
    source, sink = _ends(text.removesuffix(" !"))
    (source_id, source_name), (sink_id, sink_name) = source.split(".", 1), sink.split(".", 1)
    return {
        "id": new_id(),
        "source_id": source_id,
        "sink_id": sink_id,
        "source_name": source_name,
        "sink_name": sink_name,
        "is_static": is_static,
    }


def _ends(text: str) -> tuple[str, str]:
    """Pins may have spaces, ids of nodes have none: the sink begins at the last word with a dot before it."""
    words = text.split(" ")
    start = max(index for index, word in enumerate(words) if index and "." in word)
    return " ".join(words[:start]), " ".join(words[start:])


def _node(one: tuple[str, str, Mapping[str, Any]], links: Sequence[dict[str, Any]], **fields: Any) -> dict[str, Any]:
    node_id, block_id, constants = one
    return {
        "id": node_id,
        "block_id": block_id,
        "input_default": dict(constants),
        "metadata": {"position": {"x": 12.5, "y": -3}},
        "input_links": [link for link in links if link["sink_id"] == node_id],
        "output_links": [link for link in links if link["source_id"] == node_id],
        **fields,
    }
