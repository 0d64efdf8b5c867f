"""Cost as work grows: what is made of the figures."""

from xml.etree import ElementTree

from paceline.fold.command import AXES
from paceline.fold.cost import Line, Point, axes, documents
from paceline.fold.plot import svg


def line(name: str, *costs: tuple[int, float]) -> Line:
    return Line(name, [Point(size, cost, 1e6 / cost, 10.0, 1.0) for size, cost in costs])


def test_growth_is_the_last_cost_to_the_first_and_per_doubling_its_root() -> None:
    found = line("partitions", (1, 2.0), (16, 4.0))
    assert found.growth == 2.0
    assert found.per_doubling == 2 ** (1 / 4)


def test_what_begins_at_nothing_has_no_doubling() -> None:
    [found] = documents([line("ids in the window", (0, 2.0), (10, 3.0))])
    assert (found["growth"], found["per_doubling"]) == (1.5, None)


def test_every_axis_changes_one_thing_and_keeps_the_others() -> None:
    by_name = {axis.name: axis for axis in axes(400_000, 1, 1_000_000)}
    assert [size for size, _ in by_name["partitions"].steps] == [1, 2, 4, 8, 16]
    for size, variant in by_name["partitions"].steps:
        assert variant.job.partitions == size
    for size, variant in by_name["cells per flush"].steps:
        assert variant.job.groups == size
    assert [name.split()[0] for name in by_name] == list(AXES)
    assert {variant.job.a_minute for _, variant in by_name["tenants"].steps} == {8000}
    assert [variant.ids for _, variant in by_name["ids in the window"].steps] == [0, 1_000_000]


def test_the_picture_holds_every_point_and_is_well_formed() -> None:
    lines = [line("partitions", (1, 2.0), (16, 4.0)), line("tenants", (1, 2.0), (200, 3.0))]
    picture = ElementTree.fromstring(svg(lines, "microseconds an event"))
    circles = picture.findall(".//{http://www.w3.org/2000/svg}circle")
    texts = [each.text for each in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert len(circles) == 4
    assert {"2.00", "4.00", "3.00", "16", "200"} <= set(texts)
