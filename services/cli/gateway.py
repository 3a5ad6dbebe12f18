"""The gateway as the commands use it: where it is, who we are, and its answers or errors in words."""

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from infra.embedded.stack import read_running
from models.errors import AppError, ConfigurationError, ServiceUnavailableError

URL_VARIABLE = "PERDURE_URL"
KEY_VARIABLE = "PERDURE_API_KEY"
_CONNECT_SECONDS = 5.0
_ANSWER_SECONDS = 60.0


class RequestRefusedError(AppError):
    """The gateway has refused a request; the message says why."""

    code = "request_refused"

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Target:
    """Which gateway, and the API key or token to use there."""

    url: str
    key: str

    @classmethod
    def resolve(cls, home: Path, *, url: str | None, key: str | None) -> "Target":
        """What the options or the environment name, else the stack that runs in `home`.

        Raises:
            ConfigurationError: neither is there.
        """
        url = url or os.environ.get(URL_VARIABLE)
        key = key or os.environ.get(KEY_VARIABLE)
        if url and key:
            return cls(url.rstrip("/"), key)
        running = read_running(home)
        if running is None:
            raise ConfigurationError(
                f"No stack runs in {str(home)!r}. Start one with `perdure up --detach`, or name a gateway with "
                f"--url and --api-key (or {URL_VARIABLE} and {KEY_VARIABLE})."
            )
        return cls((url or running.gateway_url).rstrip("/"), key or running.dev_api_key)


class Gateway:
    """One connection to the gateway; every call raises RequestRefusedError or ServiceUnavailableError."""

    def __init__(self, target: Target) -> None:
        self._url = target.url
        self._client = httpx2.Client(
            base_url=target.url,
            headers={"Authorization": f"Bearer {target.key}"},
            timeout=httpx2.Timeout(_ANSWER_SECONDS, connect=_CONNECT_SECONDS),
        )

    def close(self) -> None:
        self._client.close()

    def create_graph(self, graph: Mapping[str, Any]) -> dict[str, Any]:
        return self._request("POST", "/api/graphs", json={"graph": graph, "source": "upload"})

    def execute(self, graph_id: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
        return self._request("POST", f"/api/graphs/{graph_id}/execute", json={"inputs": inputs})

    def get_execution(self, graph_exec_id: str, *, node_limit: int = 1) -> dict[str, Any]:
        return self._request("GET", f"/api/executions/{graph_exec_id}", params={"node_limit": node_limit})

    def list_executions(self, *, page_size: int) -> list[dict[str, Any]]:
        return self._request("GET", "/api/executions", params={"page_size": page_size})

    def end(self, execution: Mapping[str, Any], *, how: str) -> dict[str, Any] | None:
        """`how` is "stop" or "cancel". None: it had ended already."""
        return self._request("POST", f"/api/graphs/{execution['graph_id']}/executions/{execution['id']}/{how}")

    def read_events(self, graph_exec_id: str, *, since: str, wait_seconds: float) -> list[dict[str, Any]]:
        parameters = {"since": since, "limit": 1000, "wait_seconds": wait_seconds}
        return self._request("GET", f"/api/executions/{graph_exec_id}/events", params=parameters)

    def _request(self, method: str, path: str, **arguments: Any) -> Any:
        try:
            response = self._client.request(method, path, **arguments)
        except httpx2.TransportError as error:
            raise ServiceUnavailableError(
                f"The gateway at {self._url} does not answer ({type(error).__name__}). Is it running?"
            ) from error
        if response.is_success:
            return response.json() if response.content else None
        raise RequestRefusedError(_explain(response), status=response.status_code)


def _explain(response: httpx2.Response) -> str:
    """The reason in the error body, with one line per node and field if it names some."""
    with suppress(ValueError, AttributeError):
        body = response.json()
        detail = body.get("detail")
        if isinstance(detail, dict) and detail.get("node_errors"):
            lines = [
                f"  node {node!r}, {field}: {message}"
                for node, fields in detail["node_errors"].items()
                for field, message in fields.items()
            ]
            return "\n".join([str(detail.get("message", "Refused")).split(" (node ")[0] + ":", *lines])
        message = (body.get("error") or {}).get("message") or detail
        return f"{message} (HTTP {response.status_code})"
    return f"The gateway answered HTTP {response.status_code}."
