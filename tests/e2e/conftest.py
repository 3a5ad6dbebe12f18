"""One running stack for all tests that only use it: the real processes, with a local language model endpoint."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.e2e.stack_folder import StackFolder
from tests.llm_server import LLMServer, llm_endpoint, llm_server

__all__ = ["llm_endpoint", "llm_server", "running_stack"]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def running_stack(
    tmp_path_factory: pytest.TempPathFactory, llm_endpoint: LLMServer
) -> AsyncIterator[StackFolder]:
    stack = StackFolder(
        tmp_path_factory.mktemp("running"),
        OPENAI_API_KEY="sk-local-0123456789abcdef",
        OPENAI_BASE_URL=llm_endpoint.base_url,
    )
    try:
        await asyncio.to_thread(stack.up)
        yield stack
    finally:
        await asyncio.to_thread(stack.down)
