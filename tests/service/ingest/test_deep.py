"""However deep one event is nested, it costs its neighbours nothing."""

import pytest

from .test_door import counts, line, post


@pytest.mark.fault(35)
def test_deep_event_of_an_array_is_rejected_and_its_neighbours_kept(tmp_path):
    deep = line()[:-1] + b',"x":' + b"[" * 1_100 + b"]" * 1_100 + b"}"
    json_type = {"content-type": "application/json"}
    array, single = post(tmp_path, (b"[%s,%s,%s]" % (line(), deep, line()), json_type), (deep, json_type))
    assert (array.status_code, counts(array)) == (200, (2, 0, 1, None))
    assert [(each["index"], each["code"]) for each in array.json()["rejected"]] == [(1, "too_deep")]
    assert (single.status_code, single.json()["rejected"][0]["code"]) == (200, "too_deep")
