"""`client.graphs`."""

from collections.abc import Mapping
from typing import Any

from perdure_client._async.transport import AsyncTransport
from perdure_client._request import Page, Request, given, nothing, one, page_of, path_of
from perdure_client.models import Deleted, Graph, GraphDiff, GraphMeta, GraphSettings, Import, Validation

JsonObject = Mapping[str, Any]


class AsyncGraphsCalls:
    """Graphs and their versions. A graph is JSON as exports and the manual write it, bare or wrapped in `graph`."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def create(self, graph: JsonObject) -> Graph:
        """Saves a new graph: version 1, active. It is not repeated after a failure.

        Raises:
            ValidationFailed: `node_errors` says what is wrong where.
        """
        return await self._transport.call(
            Request(method="POST", path=path_of("api", "graphs"), body=dict(graph), read=one(Graph))
        )

    async def import_graph(self, exported: JsonObject, *, dry_run: bool = False) -> Import:
        """Saves an exported agent with the graphs it runs, and reports what of it cannot run. It is not repeated.

        Unlike `create` it keeps nodes of blocks that are unknown or disabled, so that the graph can be edited.

        Args:
            exported: the file as it is: a bare graph, or a store download.
            dry_run: only report; save nothing.

        Raises:
            ValidationFailed: no graph can be made of it.
        """
        return await self._transport.call(
            Request(
                method="POST",
                path=path_of("api", "graphs", "import"),
                params=given(dry_run=dry_run),
                body=dict(exported),
                read=one(Import),
                repeatable=dry_run,
            )
        )

    async def list(self, *, page: int = 1, page_size: int = 250) -> Page[GraphMeta]:
        """Active versions of your graphs. Pages count from 1 and have at most 250."""
        return await self._transport.call(
            Request(
                method="GET",
                path=path_of("api", "graphs"),
                params=given(page=page, page_size=page_size),
                read=page_of(GraphMeta),
                repeatable=True,
            )
        )

    async def get(self, graph_id: str, *, version: int | None = None, for_export: bool = False) -> Graph:
        """One version of a graph, by default the highest. Raises NotFound.

        Args:
            for_export: without secrets, and without saying whose it is.
        """
        path = path_of("api", "graphs", graph_id)
        if version is not None:
            path = path_of("api", "graphs", graph_id, "versions", version)
        params = given(for_export=True if for_export else None)
        return await self._transport.call(
            Request(method="GET", path=path, params=params, read=one(Graph), repeatable=True)
        )

    async def versions(self, graph_id: str, *, page: int = 1, page_size: int = 25) -> Page[Graph]:
        """All versions, newest first. Pages have at most 100. Raises NotFound."""
        return await self._transport.call(
            Request(
                method="GET",
                path=path_of("api", "graphs", graph_id, "versions"),
                params=given(page=page, page_size=page_size),
                read=page_of(Graph),
                repeatable=True,
            )
        )

    async def diff(self, graph_id: str, from_version: int, to_version: int) -> GraphDiff:
        """What changed between two versions. Raises NotFound."""
        return await self._transport.call(
            Request(
                method="GET",
                path=path_of("api", "graphs", graph_id, "versions", from_version, "diff", to_version),
                read=one(GraphDiff),
                repeatable=True,
            )
        )

    async def validate(self, graph: JsonObject) -> Validation:
        """Whether a graph could be saved and run; nothing is saved. A bad graph is an answer, not an error."""
        return await self._transport.call(
            Request(
                method="POST",
                path=path_of("api", "graphs", "validate"),
                body=dict(graph),
                read=one(Validation),
                repeatable=True,
            )
        )

    async def replace(self, graph_id: str, graph: JsonObject) -> Graph:
        """Saves the next version; it becomes the active one unless `is_active` is false. It is not repeated.

        Raises:
            NotFound: no such graph.
            ValidationFailed: `node_errors` says what is wrong where.
        """
        return await self._transport.call(
            Request(method="PUT", path=path_of("api", "graphs", graph_id), body=dict(graph), read=one(Graph))
        )

    async def set_active(self, graph_id: str, version: int) -> None:
        """Chooses the version that runs when none is named. Raises NotFound."""
        await self._transport.call(
            Request(
                method="PUT",
                path=path_of("api", "graphs", graph_id, "versions", "active"),
                body={"active_graph_version": version},
                read=nothing,
                repeatable=True,
            )
        )

    async def settings(self, graph_id: str) -> GraphSettings:
        """How the runs of a graph behave unless a request says otherwise. Raises NotFound."""
        return await self._transport.call(
            Request(
                method="GET",
                path=path_of("api", "graphs", graph_id, "settings"),
                read=one(GraphSettings),
                repeatable=True,
            )
        )

    async def change_settings(
        self,
        graph_id: str,
        *,
        human_in_the_loop_safe_mode: bool | None = None,
        sensitive_action_safe_mode: bool | None = None,
        hold_on_failure: bool | None = None,
    ) -> GraphSettings:
        """Changes what is not None; the settings after it. Raises NotFound.

        Args:
            graph_id: the graph, whatever version of it runs.
            human_in_the_loop_safe_mode: False lets review blocks pass their data on unseen.
            sensitive_action_safe_mode: the input of sensitive blocks is reviewed before they run.
            hold_on_failure: a run stays open when nothing else can run and a node has failed.
        """
        return await self._transport.call(
            Request(
                method="PATCH",
                path=path_of("api", "graphs", graph_id, "settings"),
                body=given(
                    human_in_the_loop_safe_mode=human_in_the_loop_safe_mode,
                    sensitive_action_safe_mode=sensitive_action_safe_mode,
                    hold_on_failure=hold_on_failure,
                ),
                read=one(GraphSettings),
                repeatable=True,
            )
        )

    async def delete(self, graph_id: str) -> int:
        """Stops the runs of a graph, then deletes it; how many versions it had.

        Raises:
            NotFound: no such graph, or an attempt whose answer was lost has deleted it.
        """
        deleted = await self._transport.call(
            Request(method="DELETE", path=path_of("api", "graphs", graph_id), read=one(Deleted), repeatable=True)
        )
        return deleted.version_counts
