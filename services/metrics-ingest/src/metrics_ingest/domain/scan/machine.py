"""Single instructions of the processor that Python has no word for.

Numba makes eight loads and fourteen shifts of a word that is put together from bytes, and four
products of one of 128 bits. A loop over an event's 250 bytes does little else.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

_I64, _I128 = ir.IntType(64), ir.IntType(128)


def _word_at(_typing: Any, data: Any, at: Any) -> Any:
    def made(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        place = builder.gep(array.data, [arguments[1]])
        word = builder.load(builder.bitcast(place, _I64.as_pointer()))
        word.align = 1
        return word

    return types.uint64(data, types.uint64), made


def _product(_typing: Any, a: Any, b: Any) -> Any:
    def made(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        wide = [builder.zext(each, _I128) for each in arguments]
        found = builder.mul(*wide)
        high = builder.lshr(found, ir.Constant(_I128, 64))
        return builder.xor(builder.trunc(found, _I64), builder.trunc(high, _I64))

    return types.uint64(types.uint64, types.uint64), made


def _zeros(_typing: Any, word: Any) -> Any:
    def made(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], cgutils.true_bit)

    return types.uint64(types.uint64), made


word_at: Any = intrinsic(_word_at)
"""word_at(data, at): eight bytes from a place on as a word, the first one lowest."""

folded: Any = intrinsic(_product)
"""folded(a, b): the two halves of the product of 128 bits, xored."""

zeros_below: Any = intrinsic(_zeros)
"""zeros_below(word): how many zeros stand below the lowest bit that is set; of 0 nothing is said."""
