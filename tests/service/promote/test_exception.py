from __future__ import annotations

import pytest

from logweir_service.promote.exception import MAX_FRAMES, exception_values

FRAMES = [
    {"filename": "shop/app.py", "function": "checkout", "lineno": 12, "module": "shop.app", "in_app": True},
    {
        "filename": "/usr/lib/python3/httpx/_client.py",
        "function": "send",
        "lineno": 900,
        "module": "httpx._client",
        "in_app": False,
        "context_line": "raise exc",
    },
]


def test_the_exception_raised_comes_last_and_hangs_on_its_causes():
    chain = [
        {"type": "CheckoutFailed", "module": "shop", "value": "no", "handled": False},
        {"type": "Timeout", "value": "1 s", "relation": "cause"},
        {"type": "OSError", "value": "gone", "relation": "context"},
    ]

    values = exception_values(chain)

    assert [value["type"] for value in values] == ["OSError", "Timeout", "CheckoutFailed"]
    assert [value["mechanism"] for value in values] == [
        {"type": "chained", "handled": False, "exception_id": 2, "parent_id": 1, "source": "__context__"},
        {"type": "chained", "handled": False, "exception_id": 1, "parent_id": 0, "source": "__cause__"},
        {"type": "generic", "handled": False, "exception_id": 0},
    ]
    assert values[-1]["module"] == "shop"


def test_frames_keep_their_order_and_say_whose_they_are():
    [value] = exception_values([{"type": "Timeout", "value": "1 s", "frames": FRAMES}])

    ours, theirs = value["stacktrace"]["frames"]
    assert ours == {
        "abs_path": "shop/app.py",
        "filename": "shop/app.py",
        "function": "checkout",
        "lineno": 12,
        "module": "shop.app",
        "in_app": True,
    }
    assert theirs["filename"] == "httpx/_client.py"
    assert theirs["abs_path"] == "/usr/lib/python3/httpx/_client.py"
    assert theirs["in_app"] is False
    assert theirs["context_line"] == "raise exc"


def test_an_exception_that_does_not_say_so_was_handled():
    assert exception_values([{"type": "E"}])[0]["mechanism"]["handled"] is True


def test_a_deep_stack_loses_its_middle():
    frames = [{"function": str(number)} for number in range(1000)]

    kept = exception_values([{"type": "RecursionError", "frames": frames}])[0]["stacktrace"]["frames"]

    assert len(kept) == MAX_FRAMES
    assert (kept[0]["function"], kept[-1]["function"]) == ("0", "999")


@pytest.mark.parametrize("odd", [None, "Traceback", {}, [], ["x"], 3])
def test_what_is_no_exception_list_has_no_values(odd):
    assert exception_values(odd) == []


@pytest.mark.parametrize("odd", [{"frames": "x"}, {"frames": [None]}, {"type": 3, "value": {"a": 1}}])
def test_odd_members_are_told_as_text(odd):
    [value] = exception_values([odd])

    assert isinstance(value["type"], str)
    assert isinstance(value["value"], str)
    assert "stacktrace" not in value


def test_an_odd_frame_has_no_line_number_and_is_not_the_applications():
    frames = [{"lineno": "12", "in_app": "yes", "module": 3, "vars": [1]}]

    [frame] = exception_values([{"frames": frames}])[0]["stacktrace"]["frames"]

    assert frame == {
        "abs_path": "<unknown>",
        "filename": "<unknown>",
        "function": "<unknown>",
        "in_app": False,
    }
