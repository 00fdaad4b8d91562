from __future__ import annotations

import asyncio
import json

import httpx
import pytest
from fastapi import FastAPI

from logweir_service.access import read_tokens
from logweir_service.expose import Reader, refuse_alike, story_routes
from logweir_service.expose.story import Chapter
from logweir_service.find import timeline
from tests.service.find.story.stories import EXAMPLE, stored

STORY = stored(*EXAMPLE)


def get(path, *, tokens="", starting=False, **headers):
    """The answer of a service that holds one story, `c1`."""

    async def find(identifier, limit, cursor):
        first = int(cursor or 0)
        events = STORY[first : first + limit] if identifier == "c1" else []
        more = first + limit < len(STORY)
        return Chapter(events, str(first + limit) if more and events else None, None)

    app = FastAPI()
    reader = Reader(read_tokens(tokens), starting=lambda: starting)
    app.include_router(story_routes(reader.when_started, find))
    refuse_alike(app)

    async def ask():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://logweir") as client:
            return await client.get(path, headers=headers)

    return asyncio.run(ask())


def test_a_story_is_told_as_its_page_shows_it():
    answer = get("/c/c1.json")
    told = answer.json()
    assert answer.headers["content-type"] == "application/json"
    assert (told["id"], told["correlation_id"], told["count"], told["error_count"]) == ("c1", "c1", 7, 2)
    assert (told["begin"], told["end"]) == ("2026-09-21T14:13:20.000000Z", "2026-09-21T14:13:27.311000Z")
    assert (told["services"], told["users"]) == (["shop", "payments"], ["u-7"])
    assert told["clocks_ahead_seconds"] == {"payments": pytest.approx(5, abs=0.01)}
    assert (told["next"], told["partial"]) == (None, None)
    rows = [(row["event"], row["depth"], row["inside_of"], row["gap_before_seconds"]) for row in told["rows"]]
    assert rows == [
        ("http.request", 0, None, 0),
        ("cart.loaded", 1, 0, 0),
        ("external.call", 1, 0, 0),
        ("http.request", 2, 2, 0),
        ("db.query", 3, 3, 0),
        ("bank.asked", 3, 3, pytest.approx(2.258)),
        ("payment.failed", 1, 0, 0),
    ]
    assert [row["offset_seconds"] for row in told["rows"][:4]] == pytest.approx([0, 0.004, 0.006, 5.008])
    assert (told["duration_seconds"], told["took_seconds"]) == pytest.approx((7.311, 2.317))
    assert [row["began_seconds"] for row in told["rows"][:4]] == pytest.approx(
        [0, 0.004, 0.006, 0.0075], abs=1e-3
    )
    assert told["rows"][3]["duration_seconds"] == pytest.approx(2.303)


def test_the_error_to_look_at_first_comes_with_its_stack_and_what_came_before_it():
    error = get("/c/c1.json").json()["first_error"]
    assert (error["row"], error["service"], error["level"]) == (3, "payments", "error")
    assert [each["type"] for each in error["exceptions"]] == ["ChargeFailed", "TimeoutError"]
    assert error["exceptions"][1]["relation"] == "caused by"
    assert error["exceptions"][0]["frames"][0]["function"] == "f"
    assert error["before"] == [1, 4, 5]


def test_events_stand_beside_their_rows_byte_for_byte():
    answer = get("/c/c1.json")
    assert [event["event"] for event in answer.json()["events"]] == [
        row["event"] for row in answer.json()["rows"]
    ]
    for event in STORY:
        assert event.line in answer.content


def test_raw_lines_are_what_grep_prints():
    answer = get("/c/c1.ndjson")
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert answer.content.splitlines() == [event.line for event in STORY]


def test_pages_follow_each_other_by_cursor_until_the_story_ends():
    seen, cursor = [], None
    while True:
        page = get(f"/c/c1.json?limit=3{f'&cursor={cursor}' if cursor else ''}").json()
        seen += [json.dumps(event) for event in page["events"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert sorted(seen) == sorted(json.dumps(json.loads(event.line)) for event in STORY)
    raw = get("/c/c1.ndjson?limit=3")
    assert raw.headers["logweir-next"] == "3"
    assert "logweir-next" not in get("/c/c1.ndjson?limit=3&cursor=6").headers


@pytest.mark.fault(50)
@pytest.mark.parametrize("form", ["json", "ndjson"])
@pytest.mark.parametrize("identifier", ["c", "c2", "c%25", ".*", "c1'--", "%2a", "C1"])
def test_only_the_exact_id_is_found(identifier, form):
    answer = get(f"/c/{identifier}.{form}")
    assert (answer.status_code, answer.json()["error"]) == (404, "not_found")


@pytest.mark.fault(50)
@pytest.mark.parametrize("path", ["/c/c1.json", "/c/c1.ndjson"])
def test_no_story_is_read_without_a_token_or_before_it_is_whole(path):
    assert get(path, tokens="secret").status_code == 401
    assert get(path, tokens="secret", Authorization="Bearer secret").status_code == 200
    assert get(path, starting=True).json()["error"] == "starting"


@pytest.mark.fault(50)
@pytest.mark.parametrize("odd", ["limit=0", "limit=1001", "limit=x", f"cursor={'x' * 65}"])
def test_odd_parameters_are_refused(odd):
    assert get(f"/c/c1.json?{odd}").json()["error"] == "invalid_request"
    assert get(f"/c/{'x' * 129}.json").status_code == 400


def test_a_story_that_has_no_event_left_is_told_empty():
    told = get("/c/c1.json?cursor=90").json()
    assert (told["count"], told["begin"], told["first_error"], told["rows"]) == (0, None, None, [])


def test_what_is_told_is_what_the_terminal_is_made_of():
    rows = timeline(STORY).rows
    assert [row["told"] for row in get("/c/c1.json").json()["rows"]] == [row.told for row in rows]
