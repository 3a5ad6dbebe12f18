"""Runs one block the way the engine does: build its input, run it, check every emission."""

from typing import Any, Final

from infra.clock import SystemClock
from models.block_testing import make_context, run_block

__all__ = ["SERVICES_OF_EXAMPLES", "make_context", "run_block"]

SERVICES_OF_EXAMPLES: Final[dict[str, Any]] = {"clock": SystemClock()}
"""What examples of our blocks may rely on; what else they need, and a clock that stands still, they bring along."""
