"""Task queues. Workflows and ordinary blocks share one, so that activities can start eagerly."""

DEFAULT = "perdure"
