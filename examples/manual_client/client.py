"""The client that the AutoGPT Platform's manual shows, against Perdure: only the address and the key differ.

    export PERDURE_URL=http://127.0.0.1:8000 PERDURE_API_KEY=agpt_...
    python examples/manual_client/client.py "A text to analyse"

It needs httpx2 (`pip install httpx2`). `client/` holds the full client, which retries and waits by itself.
"""

import os
import sys
import time
from typing import Any

import httpx2

ENDED = ("COMPLETED", "FAILED", "TERMINATED")


class PlatformClient:
    """Four calls, JSON in and out."""

    def __init__(self, base_url: str, api_key: str) -> None:
        self.base_url = base_url.rstrip("/")
        self.headers = {"Authorization": f"Bearer {api_key}"}

    def create_graph(self, graph: dict[str, Any]) -> str:
        """Saves a bare graph; its id."""
        return self._json("POST", "/api/graphs", graph)["id"]

    def execute_graph(self, graph_id: str, inputs: dict[str, Any]) -> str:
        """Starts a run of the active version; the id of the execution."""
        body = {"inputs": inputs, "credentials_inputs": {}}
        return self._json("POST", f"/api/graphs/{graph_id}/execute", body)["id"]

    def get_execution(self, execution_id: str) -> dict[str, Any]:
        """The execution with its `status`."""
        return self._json("GET", f"/api/executions/{execution_id}")

    def get_results(self, execution_id: str) -> dict[str, Any]:
        """`outputs`, and what each node took and gave."""
        return self._json("GET", f"/api/executions/{execution_id}/results")

    def _json(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        response = httpx2.request(method, self.base_url + path, headers=self.headers, json=body, timeout=60)
        if response.status_code != 200:
            raise RuntimeError(f"{method} {path} answered {response.status_code}: {response.text}")
        return response.json()


TEXT_ANALYSIS: dict[str, Any] = {
    "name": "Text analysis",
    "description": "Analyses a text with a language model",
    "nodes": [
        {
            "id": "input",
            "block_id": "text_input_block",
            "name": "Text input",
            "input_default": {},
            "input_nodes": [],
            "output_nodes": ["llm"],
            "metadata": {"position": {"x": 100, "y": 100}},
        },
        {
            "id": "llm",
            "block_id": "llm_call_block",
            "name": "Analysis",
            "input_default": {"prompt": "Analyse this text: {input_text}", "model": "gpt-4", "max_tokens": 500},
            "input_nodes": ["input"],
            "output_nodes": [],
            "metadata": {"position": {"x": 300, "y": 100}},
        },
    ],
    "links": [{"source_id": "input", "sink_id": "llm", "source_name": "text", "sink_name": "input_text"}],
}


def main() -> None:
    client = PlatformClient(os.environ["PERDURE_URL"], os.environ["PERDURE_API_KEY"])
    graph_id = client.create_graph(TEXT_ANALYSIS)
    execution_id = client.execute_graph(graph_id, {"text": " ".join(sys.argv[1:]) or "Perdure endures."})
    while client.get_execution(execution_id)["status"] not in ENDED:
        time.sleep(0.5)
    results = client.get_results(execution_id)
    for node in results["nodes"]:
        if node["error"]:
            sys.exit(f"{node['node_id']}: {node['error']}")
    sys.stdout.write(f"{results['outputs']['llm']['response'][0]}\n")


if __name__ == "__main__":
    main()
