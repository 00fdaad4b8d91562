import pytest

from logweir_service.errors import Refusal
from logweir_service.limits import Limits
from logweir_service.scrub import Scrubber
from tests.service.scrub.corpus import HARMLESS, ODD_CLOCK, SECRETS

from .bodies import GOOD_LINES, NOW, TIMESTAMP, Watched, codes, decode, events, line


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


def test_body_with_a_long_stack_trace_is_still_taken_as_a_whole():
    for name in ("long", "a deep stack of frames", "non-ascii", "escaped nul", "ansi escape"):
        assert decode(line() + b"\n" + GOOD_LINES[name] + b"\n").numbers is None, name


def test_one_bad_line_costs_only_its_stretch_the_slow_way(monkeypatch):
    monkeypatch.setattr("logweir_service.decode.stretch.STRETCH_BYTES", 300)
    decoder = Watched(Limits(), Scrubber())
    lines = [line(n=n) for n in range(20)]
    batch = decoder.decode(b"\n".join([*lines, b"bad"]), received=NOW, numbered=True)
    assert (batch.count, codes(batch), batch.rejections[0].number) == (20, [(20, "invalid_json", None)], 20)
    assert decoder.wholes >= 8


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


def test_body_of_many_stretches_is_taken_as_a_whole(monkeypatch):
    monkeypatch.setattr("logweir_service.decode.stretch.STRETCH_BYTES", 300)
    lines = [line(n=n, correlation_id=f"c{n}", x="y" * (n % 7 * 90)) for n in range(40)]
    batch = decode(b"\n".join(lines))
    assert (batch.count, len(batch.correlation_ids), batch.numbers) == (40, 40, None)
    assert [each.correlation_id for each in events(batch)] == [f"c{n}" for n in range(40)]
    spoiled = decode(b"\n".join([*lines[:30], b"bad", *lines[30:]]))
    assert (spoiled.count, codes(spoiled)) == (40, [(30, "invalid_json", None)])
