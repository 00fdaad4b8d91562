from __future__ import annotations

import dataclasses
import json
import os
import pickle
import weakref
from typing import Any

import pytest

from logweir.exceptions import MAX_FRAMES, describe, error_id


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


def test_an_exception_raised_again_or_from_another_is_one_error() -> None:
    low, middle, top = KeyError("low"), ValueError("middle"), RuntimeError("top")
    middle.__cause__, top.__cause__ = low, middle
    first = error_id(middle)
    assert error_id(low) == error_id(top) == error_id(middle) == first
    assert error_id(raised(lambda: reraise(top))) == first


def reraise(error: BaseException) -> None:
    try:
        raise error
    except RuntimeError:
        raise


def test_a_fault_while_another_is_handled_is_an_error_of_its_own() -> None:
    def fail() -> None:
        try:
            raise KeyError("first")
        except KeyError:
            raise ValueError("second")  # noqa: B904 - the implicit context is what is tested

    error = raised(fail)
    assert error.__context__ is not None
    assert error_id(error) != error_id(error.__context__)


def test_a_group_adds_no_error_to_those_that_its_members_reported() -> None:
    silent, reported = ValueError("a"), TypeError("b")
    first = error_id(reported)
    assert error_id(ExceptionGroup("both", [silent, reported])) == first
    assert error_id(silent) != first
    alone = OSError("c")
    assert error_id(ExceptionGroup("one", [ExceptionGroup("inner", [alone])])) == error_id(alone)


def test_causes_in_a_circle_have_an_id() -> None:
    one, two = ValueError(), TypeError()
    one.__cause__, two.__cause__ = two, one
    assert error_id(one) == error_id(two)


class Slotted(Exception):
    __slots__ = ("code",)


@dataclasses.dataclass(frozen=True)
class Frozen(Exception):
    code: int


class Refusing(Exception):
    def __setattr__(self, name: str, value: Any) -> None:
        raise TypeError("no")


@pytest.mark.parametrize("error", [Slotted(), Frozen(1), Refusing()], ids=["slots", "frozen", "refusing"])
def test_an_exception_that_takes_no_attributes_is_one_error_too(error: BaseException) -> None:
    assert error_id(error) == error_id(error)
    assert len(error_id(error)) == 32


def test_the_id_keeps_no_exception_alive_and_goes_with_it_to_another_process() -> None:
    class Seen(Exception):
        pass

    error, copy = Seen(), ValueError("x")
    first = error_id(copy)
    assert error_id(pickle.loads(pickle.dumps(copy))) == first
    error_id(error)
    gone = weakref.ref(error)
    del error
    assert gone() is None


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
