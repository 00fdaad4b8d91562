import asyncio
import errno
import gzip
import json
import os
import zlib
from contextlib import asynccontextmanager
from uuid import uuid4

import httpx
import pytest
from backports import zstd

from logweir_service.app import compose, http, running
from logweir_service.limits import Limits
from logweir_service.settings import Settings

TIMESTAMP = "2026-09-21T14:13:20.000000Z"


def line(**fields):
    return json.dumps(
        {"event": "cart.loaded", "service": "shop", "level": "info", "timestamp": TIMESTAMP, **fields}
    ).encode()


@asynccontextmanager
async def client(tmp_path, **settings):
    service = compose(Settings(LOGWEIR_DATA=tmp_path / "data", **settings))
    transport = httpx.ASGITransport(http(service))
    async with running(service), httpx.AsyncClient(transport=transport, base_url="http://logweir") as opened:
        yield opened


def post(tmp_path, *bodies, **settings):
    """Post each (body, headers) in turn to a new service, and return its answers."""

    async def run():
        async with client(tmp_path, **settings) as http_client:
            return [
                await http_client.post(
                    "/v1/events", content=body, headers={"content-type": "application/x-ndjson", **headers}
                )
                for body, headers in bodies
            ]

    return asyncio.run(run())


def counts(answer):
    receipt = answer.json()
    return receipt["accepted"], receipt["duplicate"], receipt["rejected_count"], receipt["next_seq"]


def stream(seq, identity="1b4e28ba-2fa1-11d2-883f-0016d3cca427"):
    return {"logweir-stream": identity, "logweir-seq": str(seq)}


@pytest.mark.fault(51)
def test_only_a_body_that_says_it_is_scrubbed_is_not_searched(tmp_path):
    body = line(note="password=hunter2")
    said = [{}, {"logweir-scrubbed": "0"}, {"logweir-scrubbed": "1"}]
    for place, headers in enumerate(said):
        post(tmp_path / str(place), (body, headers))
    stored = [(tmp_path / str(place) / "data").rglob("*.ndjson") for place in range(len(said))]
    assert [b"hunter2" in next(each).read_bytes() for each in stored] == [False, False, True]


@pytest.mark.fault(51)
def test_rules_have_scrubbed_bodies_searched_for_what_they_add(tmp_path):
    rules = tmp_path / "rules.yaml"
    rules.write_text("version: 1\nscrub: {keys: [iban], patterns: [email]}\n")
    body = line(note="to a.b@example.org", customer_iban="DE8937", n="kept")
    (answer,) = post(tmp_path, (body, {"logweir-scrubbed": "1"}), LOGWEIR_RULES=str(rules))
    (segment,) = (tmp_path / "data" / "journal").iterdir()
    assert counts(answer) == (1, 0, 0, None)
    assert b"kept" in segment.read_bytes()
    assert not any(secret in segment.read_bytes() for secret in (b"DE8937", b"example.org"))


def test_receipt_counts_every_event_of_the_body(tmp_path):
    (answer,) = post(tmp_path, (b"\n".join([line(), b"{}", line()]), {}))
    assert answer.status_code == 200
    assert answer.json() == {
        "accepted": 2,
        "duplicate": 0,
        "rejected_count": 1,
        "rejected": [{"index": 1, "code": "missing_field", "field": "event", "message": "event is required"}],
        "next_seq": None,
    }


def test_at_most_a_hundred_rejections_are_listed(tmp_path):
    (answer,) = post(tmp_path, (b"{}\n" * 150, {}))
    assert answer.json()["rejected_count"] == 150
    assert len(answer.json()["rejected"]) == 100


def test_array_and_single_object_are_taken_too(tmp_path):
    json_type = {"content-type": "application/json"}
    array, single = post(
        tmp_path,
        (b"[%s,\n{},%s]" % (line(), line()), json_type),
        (json.dumps(json.loads(line()), indent=2).encode(), json_type),
    )
    assert counts(array) == (2, 0, 1, None)
    assert array.json()["rejected"][0]["index"] == 1
    assert counts(single) == (1, 0, 0, None)


@pytest.mark.parametrize(
    ("encoding", "encode"),
    [
        ("identity", bytes),
        ("gzip", gzip.compress),
        ("GZIP", lambda body: gzip.compress(body[:50]) + gzip.compress(body[50:])),
        ("zstd", zstd.compress),
        ("zstd", lambda body: zstd.compress(body[:50]) + zstd.compress(body[50:])),
    ],
)
def test_compressed_bodies_are_taken(tmp_path, encoding, encode):
    (answer,) = post(tmp_path, (encode((line() + b"\n") * 3), {"content-encoding": encoding}))
    assert counts(answer) == (3, 0, 0, None)


def gzip_bomb():
    """64 MB of zeros in 64 KB."""
    packer = zlib.compressobj(9, wbits=31)
    return b"".join(packer.compress(bytes(1 << 20)) for _ in range(64)) + packer.flush()


def wide_window():
    """A sound frame that asks its reader to hold 128 MB."""
    packer = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: 27})
    return packer.compress(line()) + packer.flush()


WHOLE_REFUSALS = {
    "empty body": (b"", {}, 400, "empty_body"),
    "empty array body": (b"", {"content-type": "application/json"}, 400, "empty_body"),
    "blank array body": (b" \n", {"content-type": "application/json"}, 400, "empty_body"),
    "array without events": (b"[]", {"content-type": "application/json"}, 400, "empty_body"),
    "blank body": (b"\n \n", {}, 400, "empty_body"),
    "empty array": (b"[]", {"content-type": "application/json"}, 400, "empty_body"),
    "unparsable array": (b"[{", {"content-type": "application/json"}, 400, "invalid_json"),
    "null": (b"null", {"content-type": "application/json"}, 400, "invalid_json"),
    "text": (b'"x"', {"content-type": "application/json"}, 400, "invalid_json"),
    "form": (b"a=1", {"content-type": "application/x-www-form-urlencoded"}, 415, "unknown_type"),
    "no type": (line(), {"content-type": ""}, 415, "unknown_type"),
    "unknown encoding": (line(), {"content-encoding": "br"}, 415, "unknown_encoding"),
    "nested encoding": (
        gzip.compress(gzip.compress(line())),
        {"content-encoding": "gzip, gzip"},
        415,
        "unknown_encoding",
    ),
    "no gzip": (line(), {"content-encoding": "gzip"}, 400, "broken_compression"),
    "no zstd": (line(), {"content-encoding": "zstd"}, 400, "broken_compression"),
    "torn gzip": (gzip.compress(line())[:-9], {"content-encoding": "gzip"}, 400, "broken_compression"),
    "torn zstd": (zstd.compress(line())[:-5], {"content-encoding": "zstd"}, 400, "broken_compression"),
    "empty gzip": (b"", {"content-encoding": "gzip"}, 400, "broken_compression"),
    "bytes behind gzip": (
        gzip.compress(line()) + b"x" * 30,
        {"content-encoding": "gzip"},
        400,
        "broken_compression",
    ),
    "bytes behind zstd": (
        zstd.compress(line()) + b"x" * 30,
        {"content-encoding": "zstd"},
        400,
        "broken_compression",
    ),
    "thousands of empty gzip members": (
        gzip.compress(b"") * 5000,
        {"content-encoding": "gzip"},
        400,
        "broken_compression",
    ),
    "thousands of empty zstd frames": (
        b"\x50\x2a\x4d\x18\x00\x00\x00\x00" * 5000,
        {"content-encoding": "zstd"},
        400,
        "broken_compression",
    ),
    "gzip bomb": (gzip_bomb(), {"content-encoding": "gzip"}, 413, "too_large"),
    "zstd bomb": (zstd.compress(bytes(64 << 20)), {"content-encoding": "zstd"}, 413, "too_large"),
    "window of 128 MB": (wide_window(), {"content-encoding": "zstd"}, 400, "broken_compression"),
    "large on the wire": (b"x" * 5_000_001, {}, 413, "too_large"),
    "too many events": (b"{}\n" * 10_001, {}, 413, "too_many_events"),
    "stream without number": (line(), {"logweir-stream": str(uuid4())}, 400, "half_identity"),
    "number without stream": (line(), {"logweir-seq": "1"}, 400, "half_identity"),
    "stream that is no uuid": (line(), {"logweir-stream": "x", "logweir-seq": "1"}, 400, "invalid_identity"),
    "number zero": (line(), stream(0), 400, "invalid_identity"),
    "negative number": (line(), stream(-1), 400, "invalid_identity"),
    "number of many digits": (line(), stream("1" * 5000), 400, "invalid_identity"),
}


@pytest.mark.fault(34, 35)
@pytest.mark.parametrize(("body", "headers", "status", "code"), WHOLE_REFUSALS.values(), ids=WHOLE_REFUSALS)
def test_body_that_cannot_be_taken_gets_one_clear_error_and_nothing_is_stored(
    tmp_path, body, headers, status, code
):
    refused, accepted = post(tmp_path, (body, headers), (line(), {}))
    assert (refused.status_code, refused.json()["error"]) == (status, code)
    assert refused.json()["message"]
    assert counts(accepted) == (1, 0, 0, None)
    (segment,) = (tmp_path / "data" / "journal").iterdir()
    assert len(segment.read_bytes().split(b"\n")) == 4  # header, one commit, its line


@pytest.mark.fault(31)
def test_body_without_a_declared_length_is_limited_too(tmp_path):
    async def chunks():
        for _ in range(6):
            yield b"x" * 1_000_000

    async def run():
        async with client(tmp_path) as http_client:
            return await http_client.post(
                "/v1/events", content=chunks(), headers={"content-type": "application/x-ndjson"}
            )

    assert asyncio.run(run()).status_code == 413


def test_same_body_again_is_answered_as_duplicate(tmp_path):
    body = line(n=1) + b"\n" + b"bad" + b"\n" + line(n=2)
    first, again = post(tmp_path, (body, stream(1)), (body, stream(1)))
    assert counts(first) == (2, 0, 1, 4)
    assert counts(again) == (0, 3, 0, 4)


def test_retry_without_the_last_newline_is_the_same_body(tmp_path):
    first, again = post(tmp_path, (line() + b"\n", stream(1)), (line(), stream(1)))
    assert counts(first) == (1, 0, 0, 2)
    assert counts(again) == (0, 1, 0, 2)


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/metrics", 401, "unauthorized"),
        ("/v1/events", 400, "invalid_request"),
        ("/v1/events?correlation_id=x&limit=1001", 400, "invalid_request"),
        ("/absent", 404, "not_found"),
    ],
)
def test_reading_side_refuses_in_the_same_words(tmp_path, path, status, code):
    async def run():
        tokens = {"LOGWEIR_READ_TOKENS": "not-a-secret"} if status == 401 else {}
        async with client(tmp_path, **tokens) as http_client:
            return await http_client.get(path)

    answer = asyncio.run(run())
    assert (answer.status_code, answer.json()["error"]) == (status, code)
    assert answer.json()["message"]
    assert (answer.headers.get("www-authenticate") == "Bearer") == (status == 401)


def test_overlap_is_skipped_and_the_rest_stored(tmp_path):
    lines = [line(n=n) + b"\n" for n in range(6)]
    _, cut_anew = post(tmp_path, (b"".join(lines[:4]), stream(1)), (b"".join(lines[2:6]), stream(3)))
    assert counts(cut_anew) == (2, 2, 0, 7)


def test_concurrent_repeats_of_one_body_are_stored_once(tmp_path):
    async def run():
        async with client(tmp_path) as http_client:
            headers = {"content-type": "application/x-ndjson", **stream(1)}
            posts = [http_client.post("/v1/events", content=line(), headers=headers) for _ in range(8)]
            return await asyncio.gather(*posts)

    answers = [counts(answer) for answer in asyncio.run(run())]
    assert sorted(answers) == [(0, 1, 0, 2)] * 7 + [(1, 0, 0, 2)]


def test_other_bytes_under_the_same_numbers_are_a_conflict(tmp_path):
    first, clone, recut = post(
        tmp_path, (line(n=1), stream(1)), (line(n=2), stream(1)), (line(n=1) + b"\n" + line(n=3), stream(1))
    )
    assert first.status_code == 200
    assert (clone.status_code, clone.json()["error"]) == (409, "stream_conflict")
    assert counts(recut) == (1, 1, 0, 3)


def test_numbers_never_sent_and_dropped_are_counted_as_lost(tmp_path):
    async def run():
        async with client(tmp_path) as http_client:
            for body, seq in [
                (line(), 1),
                (line(), 12),
                (b'{"_lost":{"count":5}}\n' + line() + b'\n{"_closed":{}}', 13),
            ]:
                answer = await http_client.post(
                    "/v1/events",
                    content=body,
                    headers={"content-type": "application/x-ndjson", **stream(seq)},
                )
            late = {"content-type": "application/x-ndjson", **stream(500, str(uuid4()))}
            await http_client.post("/v1/events", content=line(), headers=late)
            return answer, (await http_client.get("/metrics")).text

    answer, metrics = asyncio.run(run())
    assert counts(answer) == (1, 0, 0, 19)
    assert 'logweir_events_lost_total{reason="never_sent"} 10.0' in metrics
    assert 'logweir_events_lost_total{reason="dropped_by_sender"} 5.0' in metrics
    assert "logweir_streams_joined_late_total 1.0" in metrics


def test_marks_and_conflicts_survive_a_restart(tmp_path):
    post(tmp_path, (line(n=1) + b"\n" + line(n=2), stream(1)))
    again, clone, further = post(
        tmp_path,
        (line(n=1) + b"\n" + line(n=2), stream(1)),
        (line(n=1) + b"\n" + line(n=3), stream(1)),
        (line(n=3), stream(3)),
    )
    assert counts(again) == (0, 2, 0, 3)
    assert clone.status_code == 409
    assert counts(further) == (1, 0, 0, 4)


TOKENS = {"LOGWEIR_INGEST_TOKENS": "not-a-secret-1=shop+pay-*,not-a-secret-2=*"}


@pytest.mark.fault(49)
@pytest.mark.parametrize(
    ("authorization", "service", "status"),
    [
        (None, "shop", 401),
        ("Bearer wrong", "shop", 401),
        ("Bearer not-a-secret-", "shop", 401),
        ("Basic not-a-secret-1", "shop", 401),
        ("Bearer not-a-secret-1", "shop", 200),
        ("bearer not-a-secret-1", "pay-card", 200),
        ("Bearer not-a-secret-1", "stock", 403),
        ("Bearer not-a-secret-2", "stock", 200),
    ],
)
def test_token_speaks_only_for_its_services(tmp_path, authorization, service, status):
    headers = {"authorization": authorization} if authorization else {}
    (answer,) = post(tmp_path, (line(service=service), headers), **TOKENS)
    assert answer.status_code == status


@pytest.mark.fault(49)
def test_token_in_the_query_is_not_looked_at(tmp_path):
    async def run():
        async with client(tmp_path, **TOKENS) as http_client:
            return await http_client.post("/v1/events?token=not-a-secret-2", content=line())

    assert asyncio.run(run()).status_code == 401


def test_reading_needs_a_read_token_and_an_ingest_token_is_none(tmp_path):
    async def run():
        tokens = {"LOGWEIR_READ_TOKENS": "not-a-secret-3", **TOKENS}
        async with client(tmp_path, **tokens) as http_client:
            answers = {}
            for token in (None, "not-a-secret-2", "not-a-secret-3"):
                headers = {"authorization": f"Bearer {token}"} if token else {}
                for path in ("/metrics", "/v1/events?correlation_id=x", "/ready", "/-/healthy", "/v1/limits"):
                    answers[token, path] = (await http_client.get(path, headers=headers)).status_code
            return answers

    answers = asyncio.run(run())
    assert {answers[None, path] for path in ("/ready", "/-/healthy", "/v1/limits")} == {200}
    assert {answers[token, "/metrics"] for token in (None, "not-a-secret-2")} == {401}
    assert {answers[token, "/v1/events?correlation_id=x"] for token in (None, "not-a-secret-2")} == {401}
    assert answers["not-a-secret-3", "/metrics"] == 200


@pytest.mark.fault(35)
def test_hostile_events_of_many_kinds_are_rejected_alone(tmp_path):
    deep = b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    many = b"{" + b",".join(b'"k%d":1' % n for n in range(20_000)) + b"}"
    answers = post(tmp_path, (deep, {}), (many, {}), (line(x="y" * 255_000), {}), (line(), {}))
    assert [counts(answer)[:3] for answer in answers] == [(0, 0, 1), (0, 0, 1), (1, 0, 0), (1, 0, 0)]
    assert [answer.json()["rejected"][0]["code"] for answer in answers[:2]] == ["too_deep", "too_many_keys"]


def test_refusal_that_passes_says_when_to_come_again_and_spreads_it(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    async def run():
        async with client(tmp_path) as http_client:
            monkeypatch.setattr(os, "writev", full)
            headers = {"content-type": "application/x-ndjson"}
            answers = [
                await http_client.post("/v1/events", content=line(), headers=headers) for _ in range(20)
            ]
            monkeypatch.undo()
            return answers

    answers = asyncio.run(run())
    assert {(answer.status_code, answer.json()["error"]) for answer in answers} == {(503, "disk_full")}
    waits = {int(answer.headers["retry-after"]) for answer in answers}
    assert min(waits) >= 20
    assert len(waits) > 1


@pytest.mark.fault(53)
def test_bodies_that_are_still_on_their_way_count_as_pending(tmp_path):
    body = line(note="x" * 500)
    canonical = {"content-type": "application/x-ndjson"}

    async def run():
        service = compose(Settings(LOGWEIR_DATA=tmp_path / "data"))
        service.pipeline.limits = Limits(max_pending_bytes=len(body) + 100)
        transport = httpx.ASGITransport(http(service))
        async with running(service), httpx.AsyncClient(transport=transport, base_url="http://logweir") as one:

            async def post(content):
                return await one.post("/v1/events", content=content, headers=canonical)

            meanwhile = []

            async def slowly():
                yield body[:400]
                meanwhile.append(await post(body))
                yield body[400:]

            slow = await post(slowly())
            return [*meanwhile, slow, await post(body)]

    refused, *taken = asyncio.run(run())
    assert (refused.status_code, refused.json()["error"]) == (503, "overloaded")
    assert [answer.json()["accepted"] for answer in taken] == [1, 1]
