"""Health check of the image: a worker (it has WORKER_READY_FILE) polls for work, a gateway answers."""

import os
import sys
import urllib.request
from pathlib import Path

TIMEOUT_SECONDS = 3


def is_healthy() -> bool:
    ready_file = os.environ.get("WORKER_READY_FILE")
    if ready_file:
        return Path(ready_file).exists()
    # /health, not /ready: a gateway that waits for its database is not helped by a restart.
    url = f"http://127.0.0.1:{os.environ.get('GATEWAY_PORT') or 8000}/health"
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as answer:
            return answer.status == 200
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(0 if is_healthy() else 1)
