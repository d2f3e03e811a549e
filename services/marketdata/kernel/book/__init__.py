"""Order books of any number of instruments, by level (L2) or by order (L3), one record at a time.

`layout` says where they live, and what blank ones are; `room` makes room before a slice; `apply` puts one
record in; `read` reads them; `checksum` holds one against what Kraken says of it; `ahead` asks for memory.

A kernel folds a slice in the order of the feed, and may look at a book after the last record of an event:

    books = room(books, n_rows, len(orders), len(levels))
    fold(books, orders, levels)  # calls `apply_order`, `apply_level`, `best` for one record after the other

All of it is NumPy arrays of numbers, so a checkpoint of the arrays is a checkpoint of the books, to the
bit. 10,000 instruments of ten levels a side take some 20 MB, those without a book 64 bytes each.
"""
