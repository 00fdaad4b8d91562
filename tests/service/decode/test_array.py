import json
import tracemalloc

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from logweir_service.decode import ArrayReader
from logweir_service.errors import Refusal
from logweir_service.limits import Limits

ARRAYS = ArrayReader(Limits())


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


GOOD = b'{"a":"],[\\""}'


def nested(depth, core=b"1"):
    return b'{"a":' + b"[" * depth + core + b"]" * depth + b"}"


@pytest.mark.fault(35)
@pytest.mark.parametrize("depth", [900, 1_100, 100_000])
def test_deep_element_costs_its_neighbours_nothing(depth):
    deep = nested(depth, core=b'"]",\n{"b":[]}')
    body = b" [ %s,\n%s , %s ]\n" % (GOOD, deep, GOOD)
    lines = ARRAYS.lines(body).split(b"\n")
    assert (lines[0], lines[2], len(lines)) == (GOOD, GOOD, 3)
    assert lines[1].replace(b" ", b"") == deep.replace(b"\n", b"")


def test_deep_object_alone_is_a_line_too():
    assert ARRAYS.lines(nested(5_000) + b"\n") == nested(5_000)


DEEP = nested(5_000)


@pytest.mark.parametrize(
    "body",
    [
        b"[%s" % DEEP,
        b"[%s]]" % DEEP,
        b"[%s] 1" % DEEP,
        b"[%s,]" % DEEP,
        b"[,%s]" % DEEP,
        b"[%s,{]" % DEEP,
        b"[%s,{]}]" % DEEP,
        b"[%s,nope]" % DEEP,
        b'[%s,"]' % DEEP,
        b'[%s,"\\"]' % DEEP,
        b"[%s}" % DEEP,
        b"%s,%s" % (DEEP, DEEP),
        b"1 %s" % DEEP,
        b"%s 1" % DEEP,
    ],
)
def test_deep_array_that_is_not_json_is_refused_as_a_whole(body):
    with pytest.raises(Refusal) as refusal:
        ARRAYS.lines(body)
    assert (refusal.value.status, refusal.value.code) == (400, "invalid_json")


@pytest.mark.fault(35)
def test_deep_array_of_too_many_elements_is_refused():
    with pytest.raises(Refusal) as refusal:
        ARRAYS.lines(b"[" + b"1," * 10_000 + DEEP + b"]")
    assert refusal.value.code == "too_many_events"


json_values = st.recursive(
    st.none() | st.integers() | st.text(alphabet='a"\\[]{},\n'),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(alphabet='"],'), inner),
)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.lists(json_values))
def test_deep_array_and_shallow_one_are_taken_apart_alike(values):
    shallow = json.dumps(values).encode()
    deep = json.dumps([*values, 0])[:-2].encode() + DEEP + b"]"
    expected = ARRAYS.lines(shallow).split(b"\n") if values else []
    assert ARRAYS.lines(deep).split(b"\n") == [*expected, DEEP]
