"""Reviews over HTTP: what waits is listed, decided once, and only by whom it belongs to."""

import asyncio
from collections import Counter
from typing import Any

import pytest
from httpx2 import AsyncClient

from tests.gateway import Gateway, assert_refused, graph_body, link_body, node_body, until_status
from tests.waiting_graphs import HUMAN, decide, ended, node, pending, review_body, start

pytestmark = pytest.mark.usefixtures("worker")


def approval(review: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"node_exec_id": review["node_exec_id"], "approved": True, **fields}


async def test_a_review_is_listed_approved_and_its_run_goes_on(gateway: Gateway) -> None:
    async with gateway.user() as client:
        run = await start(client, review_body(data={"text": "draft"}))
        shown = await until_status(client, run, "REVIEW")
        assert shown["status_reason"] == "reviews"
        waiting = await node(client, run, "ask", "REVIEW")
        assert waiting["wait"]["kind"] == "review"
        [review] = (await client.get("/api/review/pending")).json()
        assert review["node_exec_id"] == waiting["node_exec_id"]
        assert (review["payload"], review["instructions"], review["status"]) == (
            {"text": "draft"},
            "Publish?",
            "WAITING",
        )
        assert (review["graph_exec_id"], review["processed"], review["editable"]) == (run, False, True)

        answer = await decide(client, approval(review, message="Fine"))
        assert answer.json() == {"approved_count": 1, "rejected_count": 0, "failed_count": 0, "error": None}
        [decided] = (await client.get(f"/api/review/execution/{run}")).json()
        assert (decided["status"], decided["review_message"], decided["processed"]) == ("APPROVED", "Fine", True)
        assert decided["reviewed_at"] is not None
        assert (await client.get("/api/review/pending")).json() == []
        done = await ended(client, run)
        assert done["outputs"]["yes"] == {"out": [{"text": "draft"}]}
        assert (await node(client, run, "ask", "COMPLETED"))["wait"] is None
        controls = (await client.get(f"/api/executions/{run}/controls")).json()
        assert [(record["action"], record["node_exec_id"]) for record in controls] == [
            ("decide_review", review["node_exec_id"])
        ]
        assert controls[0]["requested_by"] == review["user_id"]


@pytest.mark.parametrize("size", [10, 200_000])
async def test_a_rejected_review_routes_what_the_reviewer_made_of_it(gateway: Gateway, size: int) -> None:
    edited = {"text": "x" * size}
    async with gateway.user() as client:
        run = await start(client, review_body(data="y" * size))
        [review] = await pending(client, run)
        assert review["payload"] == "y" * size
        answer = await decide(client, {**approval(review), "approved": False, "reviewed_data": edited})
        assert answer.json()["rejected_count"] == 1
        [decided] = (await client.get(f"/api/review/execution/{run}")).json()
        assert (decided["payload"], decided["was_edited"], decided["status"]) == (edited, True, "REJECTED")
        assert (await ended(client, run))["outputs"]["no"] == {"out": [edited]}


async def test_reviews_are_decided_while_other_branches_run(gateway: Gateway) -> None:
    body = review_body()
    body["nodes"].append(node_body("busy", "sleep", seconds=600))
    async with gateway.user() as client:
        run = await start(client, body)
        [review] = await pending(client, run)
        assert (await client.get(f"/api/executions/{run}")).json()["status"] == "RUNNING"
        assert (await decide(client, approval(review))).status_code == 200
        await node(client, run, "yes", "COMPLETED")
        graph_id = review["graph_id"]
        await client.post(f"/api/graphs/{graph_id}/executions/{run}/cancel")


async def test_of_fifty_decisions_at_once_one_wins(gateway: Gateway) -> None:
    async with gateway.user() as client:
        run = await start(client, review_body())
        [review] = await pending(client, run)

        async def vote(number: int) -> Any:
            approved = number % 2 == 0
            return await decide(client, approval(review, approved=approved, message=f"vote {number}"))

        answers = await asyncio.gather(*map(vote, range(50)))
        assert Counter(answer.status_code for answer in answers) == {200: 1, 409: 49}
        for answer in answers:
            if answer.status_code == 409:
                assert_refused(answer, 409, "CONFLICT")
        [winner] = [number for number, answer in enumerate(answers) if answer.status_code == 200]
        [decided] = (await client.get(f"/api/review/execution/{run}")).json()
        assert decided["review_message"] == f"vote {winner}"
        assert decided["status"] == ("APPROVED" if winner % 2 == 0 else "REJECTED")
        done = await ended(client, run)
        assert ("yes" in done["outputs"]) is (winner % 2 == 0)
        assert len((await client.get(f"/api/executions/{run}/controls")).json()) == 1


async def test_a_decision_with_a_key_is_taken_once_and_answered_again(gateway: Gateway) -> None:
    async with gateway.user() as client:
        run = await start(client, many_reviews(2))
        review, other = await pending(client, run, count=2)
        sent = {"json": {"reviews": [approval(review)]}, "headers": {"Idempotency-Key": "once"}}
        first = await client.post("/api/review/action", **sent)
        again = await client.post("/api/review/action", **sent)
        assert (first.status_code, again.status_code) == (200, 200)
        assert again.json() == first.json()
        assert (await decide(client, approval(other))).status_code == 200
        await ended(client, run)
        assert (await client.post("/api/review/action", **sent)).json() == first.json()
        another = {"json": {"reviews": [approval(review, approved=False)]}, "headers": {"Idempotency-Key": "once"}}
        assert_refused(await client.post("/api/review/action", **another), 409, "CONFLICT")
        controls = (await client.get(f"/api/executions/{run}/controls")).json()
        assert [record["action"] for record in controls].count("decide_review") == 2


def many_reviews(count: int) -> dict[str, Any]:
    return graph_body([node_body(f"ask{number}", HUMAN, data=number, name=f"{number}?") for number in range(count)])


async def test_many_reviews_are_paged_and_decided_together_or_not_at_all(gateway: Gateway) -> None:
    async with gateway.user() as client:
        run = await start(client, many_reviews(5))
        reviews = await pending(client, run, count=5)
        first = await client.get("/api/review/pending", params={"page_size": 2})
        assert first.headers["X-Total-Count"] == "5"
        pages = [
            (await client.get("/api/review/pending", params={"page": n, "page_size": 2})).json() for n in (1, 2, 3)
        ]
        listed = [review for page in pages for review in page]
        assert [review["created_at"] for review in listed] == sorted((r["created_at"] for r in listed), reverse=True)
        assert {review["node_exec_id"] for review in listed} == {review["node_exec_id"] for review in reviews}
        oldest_first = (await client.get(f"/api/review/execution/{run}")).json()
        assert [r["created_at"] for r in oldest_first] == sorted(r["created_at"] for r in oldest_first)

        unknown = {"node_exec_id": "nobody", "approved": True}
        assert_refused(await decide(client, approval(reviews[0]), unknown), 404, "NOT_FOUND")
        assert len(await pending(client, run, count=5)) == 5
        assert (await decide(client, *map(approval, reviews[:4]))).json()["approved_count"] == 4
        assert_refused(await decide(client, *map(approval, reviews)), 409, "CONFLICT")
        [left] = await pending(client, run)
        assert (await decide(client, approval(left, approved=False))).json()["rejected_count"] == 1
        assert (await ended(client, run))["status"] == "COMPLETED"


async def test_later_executions_of_an_approved_node_are_not_asked_about(gateway: Gateway) -> None:
    body = graph_body(
        [
            node_body("each", "spread", count=3),
            node_body("ask", HUMAN, name="?"),
            node_body("out", "echo"),
        ],
        [link_body("each.out", "ask.data"), link_body("ask.approved_data", "out.value")],
    )
    async with gateway.user() as client:
        run = await start(client, body)
        [first, *_] = await pending(client, run)
        assert (await decide(client, approval(first, auto_approve_future=True))).status_code == 200
        while (shown := await until_status(client, run, "REVIEW", "COMPLETED"))["status"] == "REVIEW":
            open_ones = (await client.get(f"/api/review/execution/{run}")).json()
            for review in [review for review in open_ones if review["status"] == "WAITING"]:
                await decide(client, approval(review))
        assert sorted(shown["outputs"]["out"]["out"]) == [0, 1, 2]


async def test_graphs_without_safe_mode_ask_nobody(gateway: Gateway) -> None:
    async with gateway.user() as client:
        graph_id = (await client.post("/api/graphs", json=review_body())).json()["id"]
        await client.patch(f"/api/graphs/{graph_id}/settings", json={"human_in_the_loop_safe_mode": False})
        run = (await client.post(f"/api/graphs/{graph_id}/execute", json={})).json()["id"]
        assert (await ended(client, run))["outputs"]["yes"] == {"out": ["draft"]}
        assert (await client.get(f"/api/review/execution/{run}")).json() == []


async def test_a_review_expires_as_its_node_says(gateway: Gateway) -> None:
    metadata = {"review": {"expires_after_seconds": 1, "on_expiry": "approve"}}
    async with gateway.user() as client:
        run = await start(client, review_body(metadata=metadata))
        assert (await ended(client, run))["outputs"]["yes"] == {"out": ["draft"]}
        [review] = (await client.get(f"/api/review/execution/{run}")).json()
        assert (review["status"], review["decided_by"]) == ("APPROVED", None)
        assert_refused(await decide(client, approval(review)), 409, "CONFLICT")


async def test_stopping_a_run_rejects_its_reviews(gateway: Gateway) -> None:
    async with gateway.user() as client:
        run = await start(client, review_body())
        [review] = await pending(client, run)
        stopped = (await client.post(f"/api/graphs/{review['graph_id']}/executions/{run}/stop")).json()
        assert stopped["status"] == "TERMINATED"
        [rejected] = (await client.get(f"/api/review/execution/{run}")).json()
        assert (rejected["status"], rejected["review_message"]) == ("REJECTED", "Execution was stopped by user")
        assert_refused(await decide(client, approval(review)), 409, "CONFLICT")
        assert (await client.get("/api/review/pending")).json() == []


# --- refused -----------------------------------------------------------------------------------------------------


async def state(client: AsyncClient, run: str) -> list[Any]:
    paths = (f"/api/executions/{run}", f"/api/review/execution/{run}", f"/api/executions/{run}/controls")
    return [(await client.get(path)).json() for path in paths]


async def test_wrong_decisions_change_nothing(gateway: Gateway) -> None:
    async with gateway.user() as client:
        run, other = await start(client, review_body(editable=False)), await start(client, review_body())
        await until_status(client, run, "REVIEW")
        [review], [second] = await pending(client, run), await pending(client, other)
        before = await state(client, run)
        deep: Any = 1
        for _ in range(11):
            deep = [deep]
        for sent, status, code in (
            ({"reviews": []}, 400, "INVALID_REQUEST"),
            ({"reviews": [approval(review), approval(review)]}, 422, "VALIDATION_ERROR"),
            ({"reviews": [approval(review), approval(second)]}, 409, "CONFLICT"),
            ({"reviews": [approval(review, message="x" * 2_001)]}, 422, "VALIDATION_ERROR"),
            ({"reviews": [approval(review, reviewed_data="edited")]}, 400, "INVALID_REQUEST"),
            ({"reviews": [approval(review, reviewed_data=deep)]}, 400, "INVALID_REQUEST"),
            ({"reviews": [approval(review, reviewed_data="x" * (1024 * 1024))]}, 413, "PAYLOAD_TOO_LARGE"),
            ({"reviews": [{"node_exec_id": review["node_exec_id"]}]}, 422, "VALIDATION_ERROR"),
            ({"reviews": "all"}, 422, "VALIDATION_ERROR"),
        ):
            assert_refused(await client.post("/api/review/action", json=sent), status, code)
        assert await state(client, run) == before


async def test_somebody_elses_review_is_not_found(gateway: Gateway) -> None:
    async with gateway.user() as owner, gateway.user() as stranger:
        run = await start(owner, review_body())
        await until_status(owner, run, "REVIEW")
        [review] = await pending(owner, run)
        before = await state(owner, run)
        assert (await stranger.get("/api/review/pending")).json() == []
        assert_refused(await stranger.get(f"/api/review/execution/{run}"), 404, "NOT_FOUND")
        foreign = assert_refused(await decide(stranger, approval(review)), 404, "NOT_FOUND")
        missing = assert_refused(await decide(stranger, approval({"node_exec_id": "nobody"})), 404, "NOT_FOUND")
        assert foreign["detail"].replace(review["node_exec_id"], "nobody") == missing["detail"]
        assert await state(owner, run) == before
        await owner.delete(f"/api/executions/{run}")
        assert (await owner.get("/api/review/pending")).json() == []
        assert_refused(await decide(owner, approval(review)), 404, "NOT_FOUND")
