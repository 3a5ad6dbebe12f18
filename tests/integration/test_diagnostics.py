"""What administrators see of an installation."""

from models.function_cache import clear_all_thread_cache
from tests.gateway import Gateway, assert_refused, echo_graph_body, save


async def test_administrators_see_versions_checks_and_figures(gateway: Gateway) -> None:
    clear_all_thread_cache()
    async with gateway.user(role="admin") as admin:
        for _ in range(3):
            await admin.get("/api/blocks")
        before = (await admin.get("/api/admin/diagnostics")).json()
        await save(admin, echo_graph_body())
        async with gateway.container.locks.locked("diagnostics"):
            after = (await admin.get("/api/admin/diagnostics")).json()
        metrics = await admin.get("/metrics")
    assert {"python", "perdure", "temporalio", "postgres"} <= after["versions"].keys()
    assert after["checks"] == {"postgres": "ok", "redis": "ok", "temporal": "ok"}
    assert after["uptime_seconds"] >= before["uptime_seconds"]
    assert after["blocks"]["total"] > 0
    assert after["blocks"]["problems"] == []
    catalogue = after["cache"]["by_function"]["services.gateway.features.blocks.service.block_catalogue"]
    assert (catalogue["entries"], catalogue["hits"] >= 2) == (1, True)
    assert after["cache"]["total_entries"] >= after["cache"]["functions_cached"] >= 1
    assert (after["locks"]["held"], after["locks"]["acquired"] > before["locks"]["acquired"]) == (1, True)
    for kind in ("graph_versions", "audit_entries"):
        assert after["objects"][kind] == before["objects"][kind] + 1
    assert {"users", "active_api_keys", "presets"} <= after["objects"].keys()
    assert "perdure_lock_seconds" in metrics.text


async def test_nobody_else_does(gateway: Gateway) -> None:
    async with gateway.user() as client:
        assert_refused(await client.get("/api/admin/diagnostics"), 403, "FORBIDDEN")
    async with gateway.anonymous() as client:
        assert_refused(await client.get("/api/admin/diagnostics"), 401, "UNAUTHENTICATED")
