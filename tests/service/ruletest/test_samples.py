from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logweir_service.ruletest.samples import Sample, parse, parse_line

NAMES = st.from_regex(r"[a-z_][a-z0-9_]{0,8}", fullmatch=True).filter(lambda name: name != "le")
TEXTS = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\r\v\f\x1c\x1d\x1e\x85\u2028\u2029")
)


@given(NAMES, st.dictionaries(NAMES, TEXTS), st.floats())
def test_what_is_written_is_read_again(name, labels, value):
    sample = Sample(name, tuple(sorted(labels.items())), value)
    (read,) = parse(str(sample))
    assert read[:2] == sample[:2]
    assert read.same_value(sample)


def test_the_order_of_labels_and_the_spelling_of_bounds_do_not_matter():
    assert parse_line('x{b="1", le="1",a="2",} 3') == parse_line(' x{a="2",b="1",le="1.0"}  3.0')


def test_comments_and_empty_lines_are_no_samples():
    assert [*parse("# HELP x y\n\n  \nx 1\n")] == [Sample("x", (), 1.0)]


@pytest.mark.parametrize(
    "line",
    [
        "x",
        "x one",
        "x 1 1790000000",
        'x{a="b"',
        'x{a="b" c="d"} 1',
        "x{a=b} 1",
        'x{a="b\\"} 1',
        'x{a="1",a="2"} 1',
        "9x 1",
        "x 0x1",
        "x infinity",
        "x 1_000",
    ],
)
def test_what_prometheus_would_not_read_is_refused(line):
    with pytest.raises(ValueError, match=r"is no sample|cannot be read|twice"):
        parse_line(line)


@pytest.mark.parametrize(
    ("text", "value"), [("+Inf", math.inf), ("-Inf", -math.inf), ("1e3", 1000), ("-.5", -0.5)]
)
def test_numbers_are_read_as_prometheus_writes_them(text, value):
    assert parse_line(f"x {text}") == Sample("x", (), value)


def test_sums_of_floats_are_the_same_to_nine_digits():
    assert Sample("x", (), 0.1 + 0.2).same_value(Sample("x", (), 0.3))
    assert not Sample("x", (), 0.300001).same_value(Sample("x", (), 0.3))
    assert not Sample("x", (), 0.0).same_value(Sample("x", (), 1e-300))
