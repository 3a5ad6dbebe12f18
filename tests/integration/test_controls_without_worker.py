"""Controls of runs while no worker runs: they are answered in time, and as many as a run takes wait for it."""

import asyncio
from collections import Counter
from dataclasses import replace

import pytest

from infra.settings import Settings
from models.ids import new_id
from tests.gateway import assert_refused, echo_graph_body, execute, open_gateway, save


@pytest.mark.long
async def test_a_run_without_a_worker_answers_that_it_does_not(gateway_settings: Settings) -> None:
    temporal = gateway_settings.temporal.model_copy(update={"temporal_task_queue": f"nobody-{new_id()}"})
    async with (
        open_gateway(replace(gateway_settings, temporal=temporal)) as gateway,
        gateway.user() as client,
    ):
        run = await execute(client, await save(client, echo_graph_body()), x=1)
        paused = await client.post(f"/api/executions/{run}/pause")
        assert (paused.status_code, paused.json()["paused_at"]) == (200, None)
        answers = await asyncio.gather(*(client.post(f"/api/executions/{run}/release") for _ in range(15)))
        assert Counter(answer.status_code for answer in answers) == {503: 10, 429: 5}
        for answer in answers:
            code = "SERVICE_UNAVAILABLE" if answer.status_code == 503 else "TOO_MANY_REQUESTS"
            assert_refused(answer, answer.status_code, code)
            assert int(answer.headers["Retry-After"]) > 0
