"""Marks: of each tenant the later of what one origin says, the earlier of what several say."""

import random

from service_kit.marks import UNKNOWN, Mark, least

TENANTS = ("a", "b", "c")


def some(chance: random.Random) -> Mark:
    """Return any mark."""
    at_ms = chance.randint(-1, 9)
    held = {t: chance.randint(-1, at_ms - 1) for t in TENANTS if at_ms >= 0 > chance.randint(-2, 1)}
    return Mark(at_ms, held)


def test_of_each_tenant_the_later_instant_holds_whatever_the_order() -> None:
    chance = random.Random(1)
    for _ in range(2000):
        one, other, third = some(chance), some(chance), some(chance)
        joined = one.joined(other)
        assert [joined.of(t) for t in (*TENANTS, "z")] == [
            max(one.of(t), other.of(t)) for t in (*TENANTS, "z")
        ]
        assert joined == other.joined(one) == joined.joined(one)
        assert joined.joined(third) == one.joined(other.joined(third))
        assert all(held_ms < joined.at_ms for held_ms in joined.held.values())


def test_of_several_origins_the_earliest_instant_holds_for_each_tenant() -> None:
    chance = random.Random(2)
    for _ in range(2000):
        marks = [some(chance) for _ in range(chance.randint(1, 4))]
        mark = least(marks)
        assert [mark.of(t) for t in (*TENANTS, "z")] == [
            min(each.of(t) for each in marks) for t in (*TENANTS, "z")
        ]
        assert all(held_ms < mark.at_ms for held_ms in mark.held.values())


def test_nothing_is_known_of_no_origin_and_nobodys_mark_goes_back() -> None:
    assert least([]) == UNKNOWN
    assert Mark(100).joined(Mark(200, {"a": -1})) == Mark(200, {"a": 100})
    assert Mark(200, {"a": 100}).joined(Mark(150)) == Mark(200, {"a": 150})
    assert Mark(200, {"a": 100}).joined(Mark(200)) == Mark(200)


def test_a_document_keeps_a_mark_as_it_is() -> None:
    mark = Mark(9, {"$odd.name": 3, "": -1})
    assert Mark.of_rows(9, mark.rows()) == mark
