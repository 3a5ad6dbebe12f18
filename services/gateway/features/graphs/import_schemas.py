"""What is answered to an import."""

from collections.abc import Mapping, Sequence
from typing import Final

from pydantic import BaseModel, Field

from activities.blocks.registry import BlockRegistry
from activities.credentials_needs import CredentialsNeed
from activities.exchange.report import Finding, FindingKind, is_runnable
from models.graph import Node
from models.ids import GraphId, NodeId
from services.gateway.features.graphs.importing import Imported, ImportedGraph
from services.gateway.features.graphs.schemas import GraphOut

MAX_FINDINGS: Final = 1_000

_Nodes = Mapping[tuple[GraphId, NodeId | None], Node]


class FindingOut(BaseModel):
    """`stops_run`: the graph cannot run until this is repaired. Without a node it concerns the whole graph."""

    kind: FindingKind
    stops_run: bool
    message: str
    graph_id: str
    graph_name: str
    node_id: str | None = None
    node_name: str | None = Field(default=None, description="What people call the node, if they named it.")
    block_id: str | None = None
    block_name: str | None = Field(default=None, description="Null for unknown blocks.")
    pin: str | None = None


class MissingBlockOut(BaseModel):
    """A block that some nodes need and that is unknown (no name) or disabled here."""

    block_id: str
    name: str | None
    reason: str
    node_count: int


class CredentialsUseOut(BaseModel):
    graph_id: str
    node_id: str
    pin: str


class CredentialsNeedOut(BaseModel):
    """`key`: what a run gives the credential under."""

    key: str
    providers: list[str]
    types: list[str]
    required: bool
    nodes: list[CredentialsUseOut]


class ImportReportOut(BaseModel):
    """`runnable`: the graph can run, given values for its inputs and the credentials it needs."""

    runnable: bool
    message: str
    findings: list[FindingOut] = Field(description=f"What stops a run comes first; at most {MAX_FINDINGS}.")
    finding_count: int = Field(description="How many there are in all.")
    missing_blocks: list[MissingBlockOut]
    credentials: list[CredentialsNeedOut]


class ImportedGraphOut(BaseModel):
    """A graph that came along; `file_id` is its id in the file."""

    id: str
    version: int
    name: str
    file_id: str | None = None


class ImportOut(BaseModel):
    """`saved` is false for a dry run: the ids in the answer then stand for nothing."""

    saved: bool
    graph: GraphOut
    sub_graphs: list[ImportedGraphOut]
    report: ImportReportOut


def import_out(
    imported: Imported, graph: GraphOut, needs: Sequence[CredentialsNeed], blocks: BlockRegistry, *, saved: bool
) -> ImportOut:
    return ImportOut(
        saved=saved,
        graph=graph,
        sub_graphs=[_imported(sub_graph) for sub_graph in imported.sub_graphs],
        report=_report(imported, needs, blocks),
    )


def _imported(imported: ImportedGraph) -> ImportedGraphOut:
    graph = imported.graph
    return ImportedGraphOut(id=graph.id, version=graph.version, name=graph.name, file_id=imported.file_id)


def _report(imported: Imported, needs: Sequence[CredentialsNeed], blocks: BlockRegistry) -> ImportReportOut:
    names = {graph.id: graph.name for graph in imported.graphs}
    nodes: _Nodes = {(graph.id, node.id): node for graph in imported.graphs for node in graph.nodes}
    ordered = sorted(imported.findings, key=lambda found: not found.stops_run)
    return ImportReportOut(
        runnable=is_runnable(imported.findings),
        message=_verdict(imported.findings, needs),
        findings=[_finding(found, names, nodes, blocks) for found in ordered[:MAX_FINDINGS]],
        finding_count=len(ordered),
        missing_blocks=_missing_blocks(imported.findings, nodes, blocks),
        credentials=[_credentials(need) for need in needs],
    )


def _credentials(need: CredentialsNeed) -> CredentialsNeedOut:
    return CredentialsNeedOut(
        key=need.key,
        providers=list(need.providers),
        types=list(need.types),
        required=need.required,
        nodes=[CredentialsUseOut(graph_id=use.graph_id, node_id=use.node_id, pin=use.pin) for use in need.uses],
    )


def _verdict(findings: Sequence[Finding], needs: Sequence[CredentialsNeed]) -> str:
    stopping = sum(found.stops_run for found in findings)
    if stopping:
        return f"The agent cannot run here yet: {stopping} problem{'' if stopping == 1 else 's'} to solve."
    if any(need.required for need in needs):
        return f"The agent can run once it has credentials: {', '.join(need.key for need in needs if need.required)}."
    return "The agent can run."


def _finding(
    found: Finding,
    names: Mapping[GraphId, str],
    nodes: _Nodes,
    blocks: BlockRegistry,
) -> FindingOut:
    node = nodes.get((found.graph_id, found.node_id))
    block = blocks.find(node.block_id) if node is not None else None
    return FindingOut(
        kind=found.kind,
        stops_run=found.stops_run,
        message=found.message,
        graph_id=found.graph_id,
        graph_name=names[found.graph_id],
        node_id=found.node_id,
        node_name=_name(node),
        block_id=node.block_id if node is not None else None,
        block_name=block.name() if block is not None else None,
        pin=found.pin,
    )


def _name(node: Node | None) -> str | None:
    name = node.metadata.get("customized_name") if node is not None else None
    return name if isinstance(name, str) and name else None


def _missing_blocks(findings: Sequence[Finding], nodes: _Nodes, blocks: BlockRegistry) -> list[MissingBlockOut]:
    missing: dict[str, MissingBlockOut] = {}
    for found in findings:
        if found.kind not in (FindingKind.UNKNOWN_BLOCK, FindingKind.DISABLED_BLOCK):
            continue
        block_id = nodes[found.graph_id, found.node_id].block_id
        block = blocks.find(block_id)
        entry = missing.setdefault(
            block_id,
            MissingBlockOut(
                block_id=block_id,
                name=block.name() if block is not None else None,
                reason=found.message,
                node_count=0,
            ),
        )
        entry.node_count += 1
    return list(missing.values())
