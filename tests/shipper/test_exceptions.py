from __future__ import annotations

import json
import os
from typing import Any

from logweir.exceptions import MAX_FRAMES, describe


def raised(function: Any) -> BaseException:
    try:
        function()
    except Exception as error:  # noqa: BLE001 - any is what it is for
        return error
    raise AssertionError("nothing was raised")


def test_the_raised_one_comes_first_then_its_causes() -> None:
    def fail() -> None:
        try:
            try:
                os.environ["LOGWEIR_MISSING"]
            except KeyError:
                raise ValueError("context")  # noqa: B904 - the implicit context is what is tested
        except ValueError as error:
            raise RuntimeError("top") from error

    described = describe(raised(fail), handled=True)
    assert described["error_type"] == "RuntimeError"
    chain = described["exception"]
    assert [(each["type"], each.get("relation")) for each in chain] == [
        ("RuntimeError", None),
        ("ValueError", "cause"),
        ("KeyError", "context"),
    ]
    frame = chain[0]["frames"][-1]
    assert frame["filename"].endswith("test_exceptions.py")
    assert frame["context_line"] == 'raise RuntimeError("top") from error'
    assert (frame["in_app"], frame["module"]) == (True, __name__)
    assert frame["function"].endswith("fail")
    assert all(each["handled"] for each in chain)


def test_frames_of_libraries_are_not_in_app_and_have_no_source() -> None:
    frames = describe(raised(lambda: json.loads("{")), handled=True)["exception"][0]["frames"]
    assert frames[0]["in_app"] is True
    assert not any(frame["in_app"] or "context_line" in frame for frame in frames[2:])
    assert frames[-1]["filename"] == "json/decoder.py"


def test_a_deep_recursion_keeps_both_ends() -> None:
    def descend(depth: int) -> None:
        if depth == 0:
            raise ValueError("bottom")
        descend(depth - 1)

    frames = describe(raised(lambda: descend(500)), handled=True)["exception"][0]["frames"]
    assert len(frames) == MAX_FRAMES
    assert frames[0]["function"] == "raised"
    assert frames[-1]["context_line"] == 'raise ValueError("bottom")'


def test_one_exception_object_has_one_id_and_another_has_another() -> None:
    error, other = ValueError(), ValueError()
    assert describe(error, handled=True)["error_id"] == describe(error, handled=False)["error_id"]
    assert describe(error, handled=True)["error_id"] != describe(other, handled=True)["error_id"]


def test_members_of_a_group_and_circular_causes_come_once() -> None:
    error = ExceptionGroup("both", [ValueError("a"), TypeError("b")])
    error.exceptions[0].__cause__ = error
    types = [each["type"] for each in describe(error, handled=True)["exception"]]
    assert types == ["ExceptionGroup", "ValueError", "TypeError"]


def test_an_exception_without_a_text_is_described_all_the_same() -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    assert describe(Mute(), handled=True)["exception"][0]["value"] == "<no text: its __str__ failed>"


def test_credentials_in_an_exceptions_text_are_masked() -> None:
    (entry,) = describe(ValueError("login failed: password=hunter2"), handled=True)["exception"]
    assert entry["value"] == "login failed: password=[redacted]"
