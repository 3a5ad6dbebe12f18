"""All workflows a worker serves, and the replay tests replay."""

from workflows.execute_graph import ExecuteGraphWorkflow

WORKFLOWS = (ExecuteGraphWorkflow,)
