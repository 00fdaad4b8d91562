import tracemalloc

import pytest

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
