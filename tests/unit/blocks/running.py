"""Runs one block the way the engine does: build its input, run it, check every emission."""

from models.block_testing import make_context, run_block

__all__ = ["make_context", "run_block"]
