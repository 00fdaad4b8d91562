from types import SimpleNamespace

import pytest

from logweir_service.compact import Keeping, Place, Removed
from logweir_service.rules import StoreRule


def event(name="cache.operation", level="info", correlation_id="c-1"):
    return SimpleNamespace(event=name, level=level, correlation_id=correlation_id)


def place(index=0, *, age=0.0):
    return Place(1, index, age)


def removed(rules, *args, age=0.0, **fields):
    return Keeping(rules).removed(event(*args, **fields), place(age=age))


def test_what_no_rule_takes_stays():
    assert removed([]) is None
    assert removed([StoreRule(events=("db.*",), keep=0.0)]) is None
    assert removed([StoreRule(events=("*",), levels=("debug",), keep=0.0)]) is None


def test_first_rule_that_takes_an_event_decides():
    rules = [
        StoreRule(events=("cache.special", "cache.l?st")),
        StoreRule(events=("cache.*",), levels=("debug", "info"), keep=0.0),
        StoreRule(events=("*",), keep=0.5),
    ]
    assert removed(rules, "cache.list") is None
    assert removed(rules, "cache.lxst") is None
    assert removed(rules, "cache.operation") == Removed("cache.* debug,info", "never")
    assert removed(rules[1:], "cache.operation", "warning", "c-0") in (None, Removed("*", "sampled"))


def test_share_keeps_whole_stories_and_as_many_of_them():
    keeping = Keeping([StoreRule(events=("*",), keep=0.1)])
    stories = [f"story-{number}" for number in range(4000)]
    kept = {story for story in stories if keeping.removed(event(correlation_id=story), place(3)) is None}
    assert 300 < len(kept) < 500
    again = Keeping([StoreRule(events=("db.*",), keep=0.1), StoreRule(events=("*",), keep=0.3)])
    wider = {story for story in stories if again.removed(event(correlation_id=story), place(9)) is None}
    assert kept < wider


def test_events_without_a_story_are_sampled_one_by_one():
    keeping = Keeping([StoreRule(events=("*",), keep=0.5)])
    gone = [keeping.removed(event(correlation_id=None), place(index)) for index in range(400)]
    assert 140 < gone.count(None) < 260


@pytest.mark.parametrize(("age", "reason"), [(59.0, None), (60.0, "expired"), (1e9, "expired")])
def test_class_with_a_time_goes_when_it_has_run_out(age, reason):
    found = removed([StoreRule(events=("*",), keep_seconds=60.0)], age=age)
    assert (found and found.reason) == reason
