"""What the exit code of a command says."""

from typing import Final

OK: Final = 0
FAILED: Final = 1
USAGE: Final = 2
NOTHING_RUNS: Final = 3
INTERRUPTED: Final = 130

MEANINGS: Final = {
    OK: "done, or the run has completed",
    FAILED: "failed or refused, the reason is on stderr",
    USAGE: "wrong usage",
    NOTHING_RUNS: "no stack runs here and no gateway is named",
    INTERRUPTED: "interrupted with Ctrl-C",
}
EXPLAINED: Final = f"Exit codes: {'; '.join(f'{code} {meaning}' for code, meaning in MEANINGS.items())}."
