"""The program ``knotmeter``, also ``python -m knotmeter``."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from knotmeter.cli import program


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        The exit status: 0 done, 1 a fault of ours or a problem found, 2 something to mend, 130 interrupted.
    """
    return program.run(sys.argv[1:] if argv is None else list(argv))


if __name__ == "__main__":
    sys.exit(main())
