import json

import pytest

from .bodies import GOOD_LINES, NOW, TIMESTAMP, codes, decode, event, events, line

BAD_LINES = {
    "no json": (b"{oops", "invalid_json", None),
    "two objects": (line() + b" " + line(), "invalid_json", None),
    "nan": (line()[:-1] + b', "x": NaN}', "invalid_json", None),
    "infinity": (line()[:-1] + b', "x": Infinity}', "invalid_json", None),
    "leading zero": (line()[:-1] + b', "x": 01}', "invalid_json", None),
    "byte order mark": (b"\xef\xbb\xbf" + line(), "invalid_json", None),
    "utf-16": (line().decode().encode("utf-16-le"), "invalid_json", None),
    "bad utf-8 in a skipped field": (line()[:-1] + b', "x": "\xff"}', "invalid_utf8", None),
    "bad utf-8 in a wanted field": (line()[:-1] + b', "http_route": "\xff"}', "invalid_utf8", None),
    "lone surrogate": (line()[:-1] + b', "x": "\\ud800 is half of a pair"}', "invalid_json", None),
    "raw control character": (line()[:-1] + b', "x": "a\tb"}', "invalid_json", None),
    "array": (b"[]", "not_an_object", None),
    "null": (b"null", "not_an_object", None),
    "text": (b'"x"', "not_an_object", None),
    "no event": (b'{"service":"shop","level":"info"}', "missing_field", "event"),
    "null service": (line(service=None), "missing_field", "service"),
    "numeric event": (line(event=7), "invalid_field", "event"),
    "upper-case event": (line(event="Cart"), "invalid_field", "event"),
    "overlong event": (line(event="e" * 129), "invalid_field", "event"),
    "service path": (line(service="../../etc"), "invalid_field", "service"),
    "service with slash": (line(service="a/b"), "invalid_field", "service"),
    "upper-case service": (line(service="CON"), "invalid_field", "service"),
    "huge service": (line(service="s" * 10_000), "invalid_field", "service"),
    "empty service": (line(service=""), "invalid_field", "service"),
    "service with nul": (line(service="a\0b"), "invalid_field", "service"),
    "odd level": (line(level="loud"), "invalid_field", "level"),
    "numeric level": (line(level=20), "invalid_field", "level"),
    "correlation id with newline": (line(correlation_id="a\nb"), "invalid_field", "correlation_id"),
    "correlation id with escape": (line(correlation_id="a\x1b[2J"), "invalid_field", "correlation_id"),
    "empty correlation id": (line(correlation_id=""), "invalid_field", "correlation_id"),
    "overlong correlation id": (line(correlation_id="c" * 129), "invalid_field", "correlation_id"),
    "numeric correlation id": (line(correlation_id=7), "invalid_field", "correlation_id"),
    "depth 33": (line(x=json.loads("[" * 32 + "]" * 32)), "too_deep", None),
    "depth 10000": (line()[:-1] + b', "x": ' + b"[" * 10_000 + b"]" * 10_000 + b"}", "too_deep", None),
    "depth 33 behind a key that stands twice": (
        line()[:-1] + b', "x": ' + b"[" * 32 + b"]" * 32 + b', "x": 1}',
        "too_deep",
        None,
    ),
    "257 keys that are one": (
        line()[:-1] + b', "x": {' + b'"k":1,' * 256 + b'"k":1}}',
        "too_many_keys",
        None,
    ),
    "257 keys": (line(x={f"k{n}": n for n in range(257)}), "too_many_keys", None),
    "too large": (line(x="y" * 256_000), "too_large", None),
}


@pytest.mark.fault(35, 36, 38, 41)
@pytest.mark.parametrize(("bad", "code", "field"), BAD_LINES.values(), ids=BAD_LINES)
def test_bad_event_is_refused_by_index_and_its_neighbours_are_kept(bad, code, field):
    batch = decode(b"\n".join([line(n=1), bad, line(n=2)]))
    assert codes(batch) == [(1, code, field)]
    assert batch.lines == line(n=1) + b"\n" + line(n=2) + b"\n"
    assert batch.numbers == [0, 2]
    assert batch.span == 3
    assert batch.rejections[0].line == bad.strip()


@pytest.mark.fault(35, 36, 38)
@pytest.mark.parametrize("good", GOOD_LINES.values(), ids=GOOD_LINES)
def test_odd_but_valid_event_is_stored_byte_for_byte(good):
    batch = decode(line() + b"\n" + good + b"\n")
    assert codes(batch) == []
    assert batch.lines == line() + b"\n" + good + b"\n"
    assert len(events(batch)) == batch.count == 2


@pytest.mark.parametrize(
    "doubled",
    [b'"timestamp":"bad",', b'"correlation_id":5,', b'"level":"loud",', b'"event":null,'],
)
def test_line_in_which_a_fixed_field_stands_twice_is_stored_so_that_every_reader_agrees(doubled):
    batch = decode(b"{" + doubled + line(correlation_id="c1")[1:])
    assert json.loads(batch.lines) == event(correlation_id="c1")
    assert doubled not in batch.lines
    assert batch.count == 1


@pytest.mark.fault(36)
def test_number_out_of_every_range_reads_as_absent():
    batch = decode(GOOD_LINES["exceeding every range"])
    assert events(batch)[0].duration_seconds is None


@pytest.mark.parametrize(
    ("timestamp", "flag"),
    [
        (None, "timestamp_absent"),
        ("yesterday", "timestamp_odd"),
        (1_790_000_000, "timestamp_odd"),
        ("2026-09-21T14:13:20", "timestamp_odd"),
        ("0001-01-01T00:00:00Z", "timestamp_odd"),
        ("1969-12-31T23:59:59Z", "timestamp_odd"),
        ("9999-12-31T23:59:59-23:00", "timestamp_odd"),
        ("2026-09-21T15:13:20Z", "timestamp_odd"),
    ],
)
def test_event_without_believable_clock_gets_the_time_of_receipt_and_a_flag(timestamp, flag):
    batch = decode(line(timestamp=timestamp, _flags=["mine"]) + b"\n" + line())
    stored, neighbour = batch.lines.splitlines()
    assert neighbour == line()
    assert json.loads(stored)["timestamp"] == TIMESTAMP
    assert json.loads(stored)["_flags"] == ["mine", flag]
    assert json.loads(stored).get("timestamp_original") == timestamp


@pytest.mark.parametrize(
    "key", ["_commit", "_segment", "_lost", "_closed", "_x", "\\u005fcommit", "_\\u0063ommit"]
)
def test_keys_of_the_service_are_stripped_and_never_read_as_control(key):
    body = b'{"%s": {"count": 1}, %s\n' % (key.encode(), line()[1:])
    batch = decode(body)
    assert json.loads(batch.lines) == event()
    assert (batch.closed, batch.lost_count) == (False, 0)


def test_keys_that_a_shipper_may_bring_are_kept():
    batch = decode(line(_truncated=["message"], _encode_error="x"))
    assert json.loads(batch.lines)["_truncated"] == ["message"]
    assert json.loads(batch.lines)["_encode_error"] == "x"


def test_correlation_id_spelled_with_escapes_is_stored_plainly_so_that_a_search_finds_it():
    batch = decode(line(correlation_id="abc").replace(b'"abc"', b'"a\\u0062c"'))
    assert b'"correlation_id":"abc"' in batch.lines
    assert batch.correlation_ids == {"abc"}


def test_white_space_around_a_line_is_not_stored_whatever_its_neighbours_are():
    lone, beside = decode(b" " + line() + b" \r\n"), decode(line() + b"\n " + line() + b"\r\nbad\n")
    assert lone.lines == line() + b"\n"
    assert beside.lines == (line() + b"\n") * 2


def test_deciding_takes_no_clock_but_the_one_given():
    early = decode(line(timestamp="2026-09-21T14:18:00Z"), received=NOW)
    late = decode(line(timestamp="2026-09-21T14:18:00Z"), received=NOW - 3600)
    assert b"_flags" not in early.lines
    assert b"_flags" in late.lines
