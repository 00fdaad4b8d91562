import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from logweir_service.decode import Batch, Decoder
from logweir_service.limits import Limits
from logweir_service.scrub import Scrubber
from tests.service.scrub.corpus import ODD_CLOCK, OF_RULES, RULES, SECRETS

from .bodies import GOOD_LINES, NOW, TIMESTAMP, WANTED, Watched, codes, decode, event, events

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


_VALUES: list[object] = [{}, [{}, {}], "}{"]
_PIECES = [b"\n", b" ", b"\t", b"", b"}", b"{", *(json.dumps(event(n=value)).encode() for value in _VALUES)]
_SPREAD = json.dumps(event(n={}, m={}), separators=(",", ":")).encode().replace(b"{},", b"{}\n,")
"""One object in two lines, of which brackets alone do not tell that they are not two."""


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from([*_PIECES, _SPREAD]), min_size=1, max_size=8))
@example([_SPREAD, json.dumps(event()).encode()])
@example([_SPREAD, b" ", json.dumps(event()).encode()])
def test_newlines_wherever_they_stand_are_judged_alike(pieces):
    body = b"".join(pieces) + b"\n"
    whole = Decoder(Limits(), Scrubber()).decode(body, received=NOW, numbered=False)
    single = LineByLine(Limits(), Scrubber()).decode(body, received=NOW, numbered=False)
    assert _comparable(whole) == _comparable(single)
    assert codes(whole) == codes(single)


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
