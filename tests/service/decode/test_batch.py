import pytest

from .bodies import decode, line


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
