"""What the benchmarks make of their figures; the loads themselves are `make bench`."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from benchmarks import chart, options
from benchmarks.figures import Bar, Series, Table


@pytest.mark.parametrize(
    ("value", "higher", "said"),
    [
        (3.6, True, "goal reached"),
        (2.5, True, "floor held"),
        (2.4, True, "BELOW THE FLOOR"),
        (0.9, False, "goal reached"),
        (2.5, False, "floor held"),
        (3.6, False, "BELOW THE FLOOR"),
    ],
)
def test_a_bar_says_how_it_stands(value: float, higher: bool, said: str) -> None:
    goal = 3.5 if higher else 1.0
    bar = Bar(load="W1", name="speed", value=value, floor=2.5, goal=goal, higher=higher)
    assert bar.cells()[-1] == said
    assert bar.met is (said != "BELOW THE FLOOR")


def test_a_ratio_is_taken_round_by_round() -> None:
    ours, raw = Series.of([30, 10, 40]), Series.of([10, 5, 20])
    assert ours.over(raw).values == (3, 2, 2)
    assert ours.over(raw).text(1) == "2.0 (2.0-3.0)"
    assert Series.of([1234.5]).text() == "1,234"


def test_a_table_has_a_form_for_each_reader() -> None:
    table = Table(title="Speed", headings=("side", "x"), rows=[("ours", "2.5")], note="A note.")
    assert "| side | x |\n| --- | --- |\n| ours | 2.5 |" in table.markdown()
    assert table.plain() == "Speed\n  side  x\n  ours  2.5\nA note.\n"


def test_the_chart_is_a_picture_with_a_bar_for_each_figure() -> None:
    picture = chart.draw("Steps & more", [("W1", [("platform", 300.0), ("raw Celery", 100.0)])])
    drawn = ElementTree.fromstring(picture)  # noqa: S314 - our own
    rects = drawn.iter("{http://www.w3.org/2000/svg}rect")
    bars = [float(rect.attrib["width"]) for rect in rects if "x" in rect.attrib]
    assert bars == pytest.approx([bars[0], bars[0] / 3], abs=0.1)


@pytest.mark.parametrize(
    ("arguments", "full"),
    [
        ([], True),
        (["--rounds", "4"], False),
        (["--load", "w1,w2"], False),
        (["--scale", ".1"], False),
    ],
)
def test_only_a_full_run_is_kept(arguments: list[str], full: bool) -> None:
    assert options.read(arguments).full is full


def test_an_unknown_load_is_refused() -> None:
    with pytest.raises(SystemExit):
        options.read(["--load", "W9"])
