from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from logweir_service.expose.plots import HEIGHT, WIDTH, plot

UNTIL = 1_790_000_000.0


def of(values, **more):
    return plot("Events", values, until=UNTIL, every_seconds=10.0, told=lambda value: f"{value:g}", **more)


def test_the_highest_value_reaches_nearly_the_top_and_none_leaves_the_box():
    drawn = of([0.0, 5.0, 10.0, 2.5])
    assert drawn.line == "M0 48.0H60V26.0H120V4.0H180V37.0H240"
    assert drawn.area == "M0 48V48.0H60V26.0H120V4.0H180V37.0H240V48Z"
    assert (drawn.now, drawn.most) == ("2.5", "10")


def test_what_is_not_known_is_a_gap_and_not_a_zero():
    drawn = of([1.0, None, 1.0])
    assert drawn.line == "M0 4.0H80 M160 4.0H240"
    assert [column.x for column in drawn.columns] == [0.0, 160.0]


def test_a_plot_says_in_words_what_it_shows():
    drawn = of([1.0] * 180 + [9.0] * 3 + [2.0] * 177)
    assert drawn.label == "Events, the last hour: now 2, at most 9 at 13:43:20"
    assert drawn.columns[60].text == "13:43:20: 9"
    assert of([None] * 360).label == "Events, the last hour: nothing is known yet"
    assert (of([None] * 360).now, of([None] * 360).most, of([None] * 360).line) == ("-", "", "")


def test_an_hour_is_told_in_twelve_rows():
    drawn = of([None] * 30 + [3.0] * 330)
    assert len(drawn.rows) == 12
    assert drawn.rows[0] == ("13:13:20", "")
    assert drawn.rows[-1] == ("14:08:20", "3")


def test_several_steps_become_one_by_their_mean_or_as_is_asked_for():
    values = [0.0, 0.0, 9.0] * 120
    assert of(values).most == "3"
    assert of(values, fold=max).most == "9"


@given(st.lists(st.none() | st.floats(0, 1e12), max_size=400))
def test_whatever_comes_is_drawn_within_the_box(values):
    drawn = of(values)
    numbers = [float(each) for each in re.findall(r"V(-?[\d.e+-]+)", drawn.line)]
    assert all(0 <= each <= HEIGHT for each in numbers)
    assert all(0 <= column.x < column.x + column.width <= WIDTH + 0.1 for column in drawn.columns)
    assert "nan" not in drawn.line
    assert "inf" not in drawn.line
