"""Memory asked for ahead of its use, so that many books are as fast as one.

Of thousands of books, the one that the next record is for is not in the processor's caches, and to wait for
memory takes longer than ten updates. A kernel that has a slice before it can say some records ahead what it
will need, first where it is to be looked up and later the level itself; the processor fetches it meanwhile.
Nothing is changed or decided by this: without it, or with other distances, the results are the same.
"""

from __future__ import annotations

from typing import Any, Final

from numba.core import cgutils, types
from numba.extending import intrinsic

from services.marketdata.kernel.book.compile import inlined
from services.marketdata.kernel.book.layout import Books
from services.marketdata.kernel.book.levels import place_of
from services.marketdata.kernel.book.slots import hash_of

FAR: Final = 16
"""Records between a look-up that is asked for and the update."""
NEAR: Final = 8
"""Records between what it leads to, asked for, and the update."""

_llvm: Any = cgutils


def _fetch_element(_: Any, array: Any, at: Any) -> Any:
    """Ask for the memory of one element, without waiting for it: LLVM's prefetch, to be kept and read."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array_type, place_type = signature.args
        held = context.make_array(array_type)(context, builder, arguments[0])
        place = context.cast(builder, arguments[1], place_type, types.intp)
        element = _llvm.get_item_pointer(context, builder, array_type, held, [place], wraparound=False)
        pointer, number = _llvm.voidptr_t, _llvm.int32_t
        kind = _llvm.ir.FunctionType(_llvm.ir.VoidType(), [pointer, number, number, number])
        prefetch = builder.module.declare_intrinsic("llvm.prefetch", [pointer], kind)
        builder.call(prefetch, [builder.bitcast(element, pointer), number(0), number(3), number(1)])
        return context.get_dummy_value()

    return types.void(array, at), generate


_fetch: Any = intrinsic(_fetch_element)


@inlined
def look_up_level_ahead(books: Books, record: Any) -> None:
    """Ask for the side of a level record to come, and for the place where its level is looked up."""
    _fetch(books.level_slots, _level_home(books, record))
    _fetch(books.sides[:, 0], record.instrument)


@inlined
def fetch_level_ahead(books: Books, record: Any) -> None:
    """Ask for the level of a level record to come."""
    _fetch(books.levels, books.level_slots[_level_home(books, record)].number)


@inlined
def look_up_order_ahead(books: Books, record: Any) -> None:
    """Ask for the side of an order record to come, and for the places where order and level are looked up."""
    _fetch(books.order_slots, _order_home(books, record))
    look_up_level_ahead(books, record)


@inlined
def fetch_order_ahead(books: Books, record: Any) -> None:
    """Ask for the order of an order record to come, and for the level."""
    _fetch(books.orders, books.order_slots[_order_home(books, record)].number)
    fetch_level_ahead(books, record)


@inlined
def _level_home(books: Books, record: Any) -> int:
    owner = 2 * record.instrument + place_of(record.side)
    return hash_of(owner, record.price * record.side) & (len(books.level_slots) - 1)


@inlined
def _order_home(books: Books, record: Any) -> int:
    return hash_of(record.instrument, record.order_id) & (len(books.order_slots) - 1)
