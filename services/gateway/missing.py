"""The texts of what is not there, or belongs to somebody else: the two are never told apart."""

from models.errors import NotFoundError


def graph_missing(graph_id: str) -> NotFoundError:
    return NotFoundError(f"Graph #{graph_id} not found or access denied.")


def version_missing(graph_id: str, version: int) -> NotFoundError:
    return NotFoundError(f"Graph #{graph_id} v{version} not found or access denied.")


def preset_missing(preset_id: str) -> NotFoundError:
    return NotFoundError(f"Preset #{preset_id} not found.")


def execution_missing(graph_exec_id: str) -> NotFoundError:
    return NotFoundError(f"Graph execution #{graph_exec_id} not found or access denied.")
