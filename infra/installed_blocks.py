"""The block library of a process that serves."""

import structlog

from activities.blocks.registry import BlockRegistry

_log = structlog.get_logger(__name__)


def discover_blocks() -> BlockRegistry:
    """All blocks there are; what is wrong with installed packages is logged, and shown by `perdure doctor`."""
    blocks = BlockRegistry.discover()
    for found in blocks.problems:
        _log.warning(
            "installed blocks left out",
            distribution=found.distribution,
            entry_point=found.entry_point,
            reason=found.reason,
        )
    return blocks
