"""Numbers as people write them: with separators of thousands, and a point or a comma.

A form is told by its example. Nothing is guessed: 1,204 is 1204 in one form and 1.204 in another.
"""

import re
from collections.abc import Callable
from decimal import Decimal

from metrics_ingest.domain.causes import WRONG_KIND, Unfit
from metrics_ingest.domain.values import bounded, decimal_of

ReadDecimal = Callable[[object, str], Decimal]

# The separators of thousands, and what stands before the fraction. Spaces are also those that do
# not break, as spreadsheets write them.
_MARKS = {
    "1,234.56": (",", "."),
    "1.234,56": (".", ","),
    "1 234,56": (" \u00a0\u202f", ","),
    "1'234.56": ("'\u2019", "."),
}
FORMS = tuple(_MARKS)


def number_reader(form: str) -> ReadDecimal:
    """Return what reads a number in this form, exactly; groups are whole or left out.

    A JSON number is taken as it stands; other forms than FORMS read plain numbers.
    """
    if form not in _MARKS:
        return decimal_of
    groups, point = _MARKS[form]
    written = re.compile(
        rf"-?([0-9]{{1,3}}([{groups}])[0-9]{{3}}(\2[0-9]{{3}}){{0,12}}|[0-9]{{1,40}})"
        rf"({re.escape(point)}[0-9]{{1,40}})?",
        re.ASCII,
    )
    plain = {ord(mark): None for mark in groups} | {ord(point): "."}

    def read(value: object, where: str) -> Decimal:
        if type(value) is not str:
            return decimal_of(value, where)
        if not written.fullmatch(value):
            raise Unfit(WRONG_KIND, where, f"a number like {form} is wanted")
        return bounded(Decimal(value.translate(plain)), where)

    return read
