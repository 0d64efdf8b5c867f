"""Single steps of the processor that Python has no word for, made of LLVM's own.

A loop over an event's 250 bytes does little else than these.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

_I64, _I128 = ir.IntType(64), ir.IntType(128)
WIDE = 16  # every processor compares so many bytes at once


def _word_at(_typing: Any, data: Any, at: Any) -> Any:
    def made(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        place = builder.gep(array.data, [arguments[1]])
        word = builder.load(builder.bitcast(place, _I64.as_pointer()))
        word.align = 1
        return word

    return types.uint64(data, types.uint64), made


def _specials(_typing: Any, data: Any, at: Any) -> Any:
    kind = ir.VectorType(ir.IntType(8), WIDE)
    quotes, backslashes, spaces = (ir.Constant(kind, [ord(each)] * WIDE) for each in '"\\ ')

    def made(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        place = builder.gep(array.data, [arguments[1]])
        found = builder.load(builder.bitcast(place, kind.as_pointer()))
        found.align = 1
        # What is above ASCII has a sign, so it is below a space, too.
        bits = builder.icmp_signed("<", found, spaces)
        for each in (quotes, backslashes):
            bits = builder.or_(bits, builder.icmp_unsigned("==", found, each))
        return builder.zext(builder.bitcast(bits, ir.IntType(WIDE)), _I64)

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
"""zeros_below(word): how many zeros stand below the lowest bit that is set. Not of 0."""

specials: Any = intrinsic(_specials)
"""specials(data, at): a bit for each of WIDE bytes that is not an ordinary one of a JSON text: a
quote, a backslash, below a space or above ASCII."""
