"""What the exit code of a command says."""

from typing import Final

OK: Final = 0
FAILED: Final = 1
USAGE: Final = 2
NOTHING_RUNS: Final = 3
INTERRUPTED: Final = 130

EXPLAINED: Final = (
    "Exit codes: 0 done, or the run has completed; 1 failed or refused; 2 wrong usage; 3 no stack runs here and no "
    "gateway is named; 130 interrupted."
)
