"""Fixtures of the block tests."""

from tests.llm_server import llm_endpoint, llm_server

__all__ = ["llm_endpoint", "llm_server"]
