import json
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logweir_service.decode import ArrayReader, Batch, Decoder, StoredDecoder
from logweir_service.errors import Refusal
from logweir_service.limits import Limits
from logweir_service.scrub import Scrubber
from tests.service.scrub.corpus import HARMLESS, ODD_CLOCK, OF_RULES, RULES, SECRETS

NOW = 1_790_000_000.0
TIMESTAMP = "2026-09-21T14:13:20.000000Z"
ARRAYS = ArrayReader(Limits())
WANTED = ["environment", "duration_seconds", "http_route", "class"]


def event(**fields):
    return {"event": "cart.loaded", "service": "shop", "level": "info", "timestamp": TIMESTAMP, **fields}


def line(**fields):
    return json.dumps(event(**fields)).encode()


def decode(body, *, numbered=True, limits=None, received=NOW, scrubbed=False):
    decoder = Decoder(limits or Limits(), Scrubber())
    return decoder.decode(body, received=received, numbered=numbered, scrubbed=scrubbed)


def events(batch, wanted=WANTED):
    """What derive and promote get to see of a batch."""
    return [each for some in StoredDecoder(wanted).events(batch.lines) for each in some]


def codes(batch):
    return [(rejection.index, rejection.code, rejection.field) for rejection in batch.rejections]


def test_canonical_body_is_stored_byte_for_byte():
    body = (
        line(duration_seconds=0.5, tags={"a": {"b": [1]}})
        + b"\n"
        + line(correlation_id="c-1", text="{]")
        + b"\n"
    )
    batch = decode(body)
    assert batch.lines is body
    assert [each.event for each in events(batch)] == ["cart.loaded"] * 2
    assert events(batch)[0].duration_seconds == 0.5
    assert (batch.correlation_ids, batch.services) == ({"c-1"}, {"shop"})
    assert (batch.count, batch.span) == (2, 2)
    assert batch.numbers is None


def test_field_named_like_a_keyword_is_held():
    assert events(decode(line(**{"class": "x"})))[0].class_ == "x"


def test_missing_newline_at_the_end_is_added():
    assert decode(line()).lines == line() + b"\n"


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


GOOD_LINES = {
    "depth 32": line(x=json.loads("[" * 31 + "]" * 31)),
    "256 keys": line(x={f"k{n}": n for n in range(256)}),
    "exceeding every range": line()[:-1] + b', "duration_seconds": 1e999}',
    "2 to the 64": line(duration_seconds=2**64),
    "ten thousand digits": line()[:-1] + b', "duration_seconds": ' + b"1" * 10_000 + b"}",
    "minus zero": line()[:-1] + b', "duration_seconds": -0}',
    "duplicate keys": line()[:-1] + b', "http_route": "/a", "http_route": "/b"}',
    "escaped nul": line(http_route="\0"),
    "ansi escape": line(http_route="\x1b[31m\u202e\r\n"),
    "non-ascii": line().replace(b"cart.loaded", b'cart.loaded", "x": "\xc3\xa4'),
    "long": line(x="y" * 3000, z="}{[" * 20),
    "a deep stack of frames": line(exception=[{"frames": [{"n": n, "a": [n]} for n in range(60)]}] * 3),
    "braces in a string": line(x="}{][\\"),
    "null correlation id": line(correlation_id=None),
    "carriage return between members": line().replace(b", ", b",\r "),
    "other offset": line(timestamp="2026-09-21T16:13:20+02:00"),
}


@pytest.mark.fault(35, 36, 38)
@pytest.mark.parametrize("good", GOOD_LINES.values(), ids=GOOD_LINES)
def test_odd_but_valid_event_is_stored_byte_for_byte(good):
    batch = decode(line() + b"\n" + good + b"\n")
    assert codes(batch) == []
    assert batch.lines == line() + b"\n" + good + b"\n"
    assert len(events(batch)) == batch.count == 2


def test_body_with_a_long_stack_trace_is_still_taken_as_a_whole():
    for name in ("long", "a deep stack of frames", "non-ascii", "escaped nul", "ansi escape"):
        assert decode(line() + b"\n" + GOOD_LINES[name] + b"\n").numbers is None, name


@pytest.mark.parametrize(
    "doubled",
    [b'"timestamp":"bad",', b'"correlation_id":5,', b'"level":"loud",', b'"event":null,'],
)
def test_line_in_which_a_fixed_field_stands_twice_is_stored_so_that_every_reader_agrees(doubled):
    batch = decode(b"{" + doubled + line(correlation_id="c1")[1:])
    assert json.loads(batch.lines) == event(correlation_id="c1")
    assert doubled not in batch.lines
    assert batch.count == 1


def test_one_bad_line_costs_only_its_stretch_the_slow_way(monkeypatch):
    monkeypatch.setattr("logweir_service.decode.stretch.STRETCH_BYTES", 300)
    decoder = Watched(Limits(), Scrubber())
    lines = [line(n=n) for n in range(20)]
    batch = decoder.decode(b"\n".join([*lines, b"bad"]), received=NOW, numbered=True)
    assert (batch.count, codes(batch), batch.rejections[0].number) == (20, [(20, "invalid_json", None)], 20)
    assert decoder.wholes >= 8


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


def test_control_lines_take_numbers_and_store_nothing():
    batch = decode(b"\n".join([line(n=1), b'{"_lost":{"count":20}}', line(n=2), b'{"_closed":{}}']))
    assert batch.lines == line(n=1) + b"\n" + line(n=2) + b"\n"
    assert (batch.numbers, batch.span, batch.lost_count, batch.closed) == ([0, 21], 22, 20, True)


def test_control_lines_outside_a_stream_are_no_events():
    assert codes(decode(b'{"_lost":{"count":20}}', numbered=False)) == [(0, "missing_field", "event")]


@pytest.mark.parametrize(
    "content", ["{}", '{"count":0}', '{"count":-1}', '{"count":"x"}', "7", '{"count":1e30}']
)
def test_broken_control_line_is_refused(content):
    assert codes(decode(b'{"_lost":%s}' % content.encode())) == [(0, "invalid_control", "_lost")]


def test_blank_lines_and_carriage_returns_are_no_events():
    batch = decode(b"\r\n" + line(n=1) + b"\r\n\r\n" + b'{"x":1}\r\n')
    assert batch.lines == line(n=1) + b"\n"
    assert codes(batch) == [(3, "missing_field", "event")]
    assert batch.span == 2


def test_object_over_two_lines_is_refused_where_another_line_holds_two():
    split = line(x="}")[:-1] + b"\n" + b',"y":"{"}'
    double = (
        line(z="{")
        + b'{"event":"a","service":"s","level":"info","timestamp":"%s","b":"}"}' % TIMESTAMP.encode()
    )
    batch = decode(split + b"\n" + double + b"\n")
    assert [code for _, code, _ in codes(batch)] == ["invalid_json"] * 3
    assert batch.lines == b""


@pytest.mark.fault(35)
def test_more_lines_than_a_body_may_hold_are_refused_as_a_whole():
    with pytest.raises(Refusal) as refusal:
        decode(b"\n" * 11, limits=Limits(max_events=10))
    assert (refusal.value.status, refusal.value.code) == (413, "too_many_events")


def test_known_prefix_is_dropped_with_its_rejections_and_losses():
    body = [line(n=1), b"bad", line(n=2), b'{"_lost":{"count":4}}', line(n=3), b"bad"]
    whole = decode(b"\n".join(body))
    assert whole.span == 9
    rest = whole.after(5)
    assert rest.lines == line(n=3) + b"\n"
    assert (rest.numbers, [each.number for each in rest.rejections], rest.lost_count) == ([7], [8], 2)
    assert (whole.after(9).count, whole.after(9).lines) == (0, b"")
    assert whole.after(0) is whole


def test_known_prefix_of_a_canonical_body_is_dropped():
    whole = decode(b"".join(line(n=n) + b"\n" for n in range(4)))
    assert (whole.after(3).lines, whole.after(3).count) == (line(n=3) + b"\n", 1)
    assert (whole.after(4).lines, whole.after(4).count) == (b"", 0)


EVENT_IDS = {
    "plain": (line(event_id="e-1"), "e-1"),
    "among odd lines": (b" " + line(event_id="e-1"), "e-1"),
    "escaped key": (line(event_id="e-1").replace(b"event_id", b"event\\u005fid"), "e-1"),
    "escaped value": (line(event_id="a\n\u00e4"), "a\n\u00e4"),
    "twice": (line(event_id="e-1")[:-1] + b', "event_id": "e-2"}', "e-2"),
    "longest": (line(event_id="\u00e4" * 128), "\u00e4" * 128),
    "too long": (line(event_id="e" * 129), None),
    "empty": (line(event_id=""), None),
    "number": (line(event_id=7), None),
    "beyond every range": (line()[:-1] + b', "event_id": 1e999}', None),
    "null": (line(event_id=None), None),
    "nested": (line(tags={"event_id": "e-1"}), None),
}


@pytest.mark.parametrize(("identified", "event_id"), EVENT_IDS.values(), ids=EVENT_IDS)
def test_event_id_is_told_of_bodies_without_a_stream_only(identified, event_id):
    body = b"\n".join([line(), line(), identified])
    expected = [] if event_id is None else [(2, "shop", event_id)]
    assert list(decode(body, numbered=False).event_ids) == expected
    assert list(decode(body, numbered=True).event_ids) == []


def test_event_ids_count_accepted_lines_over_stretches_and_rejections(monkeypatch):
    monkeypatch.setattr("logweir_service.decode.stretch.STRETCH_BYTES", 300)
    lines = [line(event_id=f"e{n}", service=f"s{n % 2}") for n in range(10)]
    batch = decode(b"\n".join([*lines[:5], b"bad", *lines[5:]]), numbered=False)
    assert list(batch.event_ids) == [(n, f"s{n % 2}", f"e{n}") for n in range(10)]


def test_known_lines_are_dropped_by_their_place():
    batch = decode(
        b"\n".join([line(event_id="a"), b"bad", line(n=1), line(event_id="b"), line(event_id="c")]),
        numbered=False,
    )
    rest = batch.without({0, 2})
    assert rest.lines == line(n=1) + b"\n" + line(event_id="c") + b"\n"
    assert (rest.count, rest.numbers, list(rest.event_ids)) == (2, [2, 4], [(1, "shop", "c")])
    assert (rest.rejections, rest.span) == (batch.rejections, batch.span)
    assert (batch.without({0, 1, 2, 3}).lines, batch.without({0, 1, 2, 3}).count) == (b"", 0)
    assert batch.without(()) is batch


def test_known_lines_of_a_canonical_body_are_dropped_by_their_place():
    batch = decode(line(event_id="a") + b"\n" + line(event_id="b") + b"\n", numbered=False)
    assert batch.without([0]).lines == line(event_id="b") + b"\n"
    assert batch.without([0]).event_ids == [(0, "shop", "b")]


@pytest.mark.fault(51)
@pytest.mark.parametrize("case", [*SECRETS.values(), ODD_CLOCK], ids=[*SECRETS, "odd clock"])
def test_secret_is_not_in_the_batch_whatever_its_neighbours_are(case):
    for neighbours in ([line()], [line(), b"bad"]):
        batch = decode(b"\n".join([*neighbours, case.line]))
        assert case.secret not in batch.lines
        assert b"[redacted]" in batch.lines or b"null" in batch.lines
        assert batch.lines.startswith(line() + b"\n")
        assert (batch.count, batch.numbers) == (2, [0, len(neighbours)])


def test_body_without_secrets_is_stored_byte_for_byte_scrubbed_or_not():
    body = b"".join(case.line + b"\n" for case in HARMLESS.values())
    assert decode(body).lines is body
    assert decode(body, scrubbed=True).lines is body


def test_redacted_body_is_checked_on_the_way():
    body = line() + b"\n" + line(password="hunter2", http_route="/") + b"\n"
    assert b"hunter2" not in decode(body, scrubbed=True).lines
    assert decode(line(note="password=x") + b"\n", scrubbed=True).lines == line(note="password=x") + b"\n"
    headers = line(http_request_headers={"Cookie": "hunter2"})
    assert b"hunter2" not in decode(headers, scrubbed=True).lines


def test_limits_are_judged_before_the_scrub():
    secret = line(password="x" * 300)
    assert codes(decode(secret, limits=Limits(max_event_bytes=200))) == [(0, "too_large", None)]
    grown = line(cvv=1)
    assert decode(grown, limits=Limits(max_event_bytes=len(grown))).count == 1


def test_array_elements_become_lines_that_keep_their_bytes():
    assert ARRAYS.lines(b' [ {"a": 1.50},\n{"b":\n2} , 3] ') == b'{"a": 1.50}\n{"b":2}\n3'
    assert ARRAYS.lines(b'{"a":\n1}') == b'{"a":1}'


@pytest.mark.fault(35)
def test_array_of_more_elements_than_allowed_is_refused_before_it_costs_memory():
    assert ARRAYS.lines(b"[" + b"1," * 9_999 + b"1]").count(b"\n") == 9_999
    tracemalloc.start()
    with pytest.raises(Refusal) as refusal:
        ARRAYS.lines(b"[" + b"1," * 2_000_000 + b"1]")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (refusal.value.status, refusal.value.code) == (413, "too_many_events")
    assert peak < 12_000_000


@pytest.mark.parametrize("body", [b"[", b'[{"a":1}', b"nope", b'[{"a":1},]', b"\xff", b"[" * 100_000])
def test_unparsable_array_is_refused_as_a_whole(body):
    with pytest.raises(Refusal) as refusal:
        ARRAYS.lines(body)
    assert (refusal.value.status, refusal.value.code) == (400, "invalid_json")


def test_body_of_many_stretches_is_taken_as_a_whole(monkeypatch):
    monkeypatch.setattr("logweir_service.decode.stretch.STRETCH_BYTES", 300)
    lines = [line(n=n, correlation_id=f"c{n}", x="y" * (n % 7 * 90)) for n in range(40)]
    batch = decode(b"\n".join(lines))
    assert (batch.count, len(batch.correlation_ids), batch.numbers) == (40, 40, None)
    assert [each.correlation_id for each in events(batch)] == [f"c{n}" for n in range(40)]
    spoiled = decode(b"\n".join([*lines[:30], b"bad", *lines[30:]]))
    assert (spoiled.count, codes(spoiled)) == (40, [(30, "invalid_json", None)])


scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20),
    st.sampled_from(["{", "}", "[]", '"', "_x", "\\u005f", "\n", "2026-01-01T00:00:00Z"]),
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)
keys = st.sampled_from(["a", "_b", "_flags", "_lost", "_commit", "duration_seconds", "environment", "é"])
fixed_fields = st.fixed_dictionaries(
    {},
    optional={
        "event": st.sampled_from(["cart.loaded", "x", "Bad", 1, None, ""]),
        "service": st.sampled_from(["shop", "../etc", "a-b", None]),
        "level": st.sampled_from(["info", "error", "warn", None]),
        "timestamp": st.sampled_from(
            [TIMESTAMP, "2026-01-01T00:00:00+02:00", "x", "0000-01-01T00:00:00Z", None, 5]
        ),
        "password": st.sampled_from(["x", 7, None, "[redacted]", {"a": 1}]),
        "http_request_headers": st.sampled_from([{"cookie": "x"}, {"cookie": None, "a": "b"}, "x", None]),
        "event_id": st.sampled_from(["e1", "\u00e4", "", "e" * 129, 7, None]),
        "correlation_id": st.sampled_from(["c1", "a b", "", None, "A:b-.", "c" * 129, "é"]),
    },
)
whole_events = st.builds(
    lambda fixed, more: {**event(), **fixed, **more}, fixed_fields, st.dictionaries(keys, values, max_size=3)
)
secrets = st.sampled_from([case.line for case in (*SECRETS.values(), ODD_CLOCK, *OF_RULES.values())])
raw_lines = st.one_of(
    secrets,
    whole_events.map(lambda value: json.dumps(value).encode()),
    whole_events.map(lambda value: json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")),
    st.binary(max_size=30),
    st.sampled_from(
        [b"", b" ", b"{}", b'{"_closed":{}}', b'{"_lost":{"count":2}}', b"1e999", *GOOD_LINES.values()]
    ),
)


class LineByLine(Decoder):
    """The reference: looks at every line by itself."""

    def _canonical(self, stretch, terms):
        return None


class Watched(Decoder):
    """The real one, counting how often it took a stretch as a whole."""

    wholes = 0

    def _canonical(self, stretch, terms):
        found = super()._canonical(stretch, terms)
        self.wholes += found is not None
        return found


@pytest.mark.parametrize("rules", [{}, RULES], ids=["no rules", "scrub rules"])
def test_whole_stretch_and_line_by_line_verdicts_agree(rules):
    real, reference = Watched(Limits(), Scrubber(**rules)), LineByLine(Limits(), Scrubber(**rules))

    @settings(max_examples=300, deadline=None)
    @given(
        st.lists(whole_events.map(json.dumps).map(str.encode) | raw_lines, max_size=3),
        st.booleans(),
        st.booleans(),
    )
    def agree(lines, numbered, scrubbed):
        body = b"\n".join(lines) + b"\n"
        whole = real.decode(body, received=NOW, numbered=numbered, scrubbed=scrubbed)
        single = reference.decode(body, received=NOW, numbered=numbered, scrubbed=scrubbed)
        assert list(whole.rejections) == list(single.rejections)
        assert _comparable(whole) == _comparable(single)

    agree()
    assert real.wholes > 20


@settings(max_examples=150, deadline=None)
@given(st.lists(raw_lines, max_size=5))
def test_what_was_stored_decodes_whatever_the_rules_want(lines):
    batch = decode(b"\n".join(lines) + b"\n")
    for wanted in (WANTED, ["a", "é", "x", "_flags"], []):
        found = events(batch, wanted)
        assert len(found) == batch.count
        assert {each.correlation_id for each in found} - {None} == batch.correlation_ids
        assert {each.service for each in found} == batch.services


def _comparable(batch: Batch):
    lines = b"\n".join(line.strip(b" \t\r") for line in batch.lines.split(b"\n"))
    numbers = list(range(batch.count) if batch.numbers is None else batch.numbers)
    return (
        *(lines, batch.count, batch.span, numbers, batch.correlation_ids, batch.services, batch.closed),
        list(batch.event_ids),
    )


def test_deciding_takes_no_clock_but_the_one_given():
    early = decode(line(timestamp="2026-09-21T14:18:00Z"), received=NOW)
    late = decode(line(timestamp="2026-09-21T14:18:00Z"), received=NOW - 3600)
    assert b"_flags" not in early.lines
    assert b"_flags" in late.lines
