"""One server process of `bench.gateway`: `python -m bench.gateway_server bare|product FD`, on a shared socket.

Both read one row by its key, `bare` and nothing else; `product` is the gateway, with the same read as one more route.
"""

import asyncio
import os
import signal
import socket
import sys

import asyncpg
import uvicorn
from fastapi import FastAPI

from infra.logging import configure_logging
from infra.settings import Settings
from services.gateway.auth.dependencies import AnyUser
from services.gateway.main import serve

POOL = 4
STATEMENT = "SELECT id, email, name, created_at FROM users WHERE id = $1"


def _add_read(app: FastAPI, url: str, path: str) -> None:
    pools: list[asyncpg.Pool] = []
    opening = asyncio.Lock()

    async def read(user_id: str) -> dict[str, str]:
        async with opening:
            if not pools:
                pools.append(await asyncpg.create_pool(url, min_size=POOL, max_size=POOL))
        row = await pools[0].fetchrow(STATEMENT, user_id)
        return {"id": row["id"], "email": row["email"]} if row else {}

    async def read_as_user(user_id: str, user: AnyUser) -> dict[str, str]:
        return await read(user_id)

    app.add_api_route(path, read_as_user if path.startswith("/api") else read)


def bare(url: str) -> FastAPI:
    app = FastAPI()
    _add_read(app, url, "/read/{user_id}")
    return app


async def main() -> None:
    kind, shared = sys.argv[1], socket.socket(fileno=int(sys.argv[2]))
    settings = Settings()
    configure_logging(settings.app, process="gateway")
    url = settings.postgres.database_url.get_secret_value()
    if kind == "product":
        await serve(settings, sockets=[shared], extend=lambda app: _add_read(app, url, "/api/bench-read/{user_id}"))
        return
    server = uvicorn.Server(uvicorn.Config(bare(url), log_config=None, access_log=False, http="httptools"))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, server.handle_exit, signal.SIGTERM, None)
    await server.serve(sockets=[shared])


if __name__ == "__main__":
    asyncio.run(main())
    sys.stdout.flush()
    os._exit(0)
