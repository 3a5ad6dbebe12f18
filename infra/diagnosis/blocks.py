"""The block library: whether the packages that bring blocks can be used."""

from typing import Final

from activities.blocks.registry import BlockRegistry
from infra.diagnosis.finding import Finding, ok, problem

CHECK: Final = "blocks"


def check_blocks(registry: BlockRegistry | None = None) -> list[Finding]:
    """A problem per installed block, or entry point, that had to be left out. `registry`: the discovered one."""
    registry = registry or BlockRegistry.discover()
    if not registry.problems:
        blocks = registry.all()
        own = sum(block.__module__.startswith("activities.blocks.") for block in blocks)
        return [ok(CHECK, f"{own} blocks of Perdure, {len(blocks) - own} of installed packages.")]
    return [
        problem(
            CHECK,
            f"Package {found.distribution!r}, entry point {found.entry_point!r}: {found.reason}",
            f"Repair, update or uninstall the package {found.distribution!r}; nodes with its blocks cannot run.",
        )
        for found in registry.problems
    ]
