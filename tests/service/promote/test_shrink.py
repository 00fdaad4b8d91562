from __future__ import annotations

from copy import deepcopy

from logweir_service.promote.shrink import smaller

EVENT = {
    "event_id": "e",
    "tags": {"service": "shop"},
    "user": {"id": "u1"},
    "request": {"method": "GET", "url": "/", "data": "x"},
    "logentry": {"formatted": "m" * 9000, "message": "m"},
    "contexts": {"log": {"a": 1}, "trace": {"type": "trace"}},
    "breadcrumbs": {"values": [{"message": str(number)} for number in range(50)]},
    "exception": {
        "values": [
            {
                "type": "E",
                "value": "v" * 9000,
                "stacktrace": {"frames": [{"function": "f", "vars": {"a": 1}}]},
            }
        ]
    },
}


def test_an_event_loses_its_locals_then_breadcrumbs_then_its_story():
    before = deepcopy(EVENT)

    locals_gone, few, bare = smaller(EVENT)

    assert before == EVENT
    assert locals_gone["exception"]["values"][0]["stacktrace"]["frames"] == [{"function": "f"}]
    assert len(locals_gone["breadcrumbs"]["values"]) == 50
    assert [crumb["message"] for crumb in few["breadcrumbs"]["values"]] == [str(n) for n in range(30, 50)]
    assert few["request"] == {"method": "GET", "url": "/"}
    assert "breadcrumbs" not in bare
    assert bare["contexts"] == {"trace": {"type": "trace"}}
    assert len(bare["logentry"]["formatted"]) == len(bare["exception"]["values"][0]["value"]) == 2000
    assert [event["tags"]["truncated"] for event in (locals_gone, few, bare)] == [
        "without locals",
        "with few breadcrumbs",
        "without story",
    ]


def test_what_groups_an_event_and_who_met_it_stays():
    *_, bare = smaller(EVENT)

    assert (bare["event_id"], bare["user"], bare["tags"]["service"]) == ("e", {"id": "u1"}, "shop")
    assert bare["exception"]["values"][0]["stacktrace"]["frames"] == [{"function": "f"}]


def test_the_barest_event_can_still_be_made_smaller():
    assert len(list(smaller({"event_id": "e"}))) == 3
