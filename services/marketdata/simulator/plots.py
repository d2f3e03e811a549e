"""Plots of the report as SVG: axes, lines, dots; nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT = 420, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 12, 30, 36
_COLOURS: Final = ("#1f5fa8", "#c2571a", "#3a7d44", "#7a3e9d")
_MOST_POINTS: Final = 800
_N_TICKS: Final = 5

Floats = NDArray[np.float64]


class Series(NamedTuple):
    """One line or one set of dots."""

    name: str
    x: Floats
    y: Floats
    dots: bool = False


class Frame(NamedTuple):
    """From values to places in the picture."""

    low_x: float
    high_x: float
    low_y: float
    high_y: float

    def place(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Pixels of values."""
        across = _LEFT + (x - self.low_x) / (self.high_x - self.low_x) * (WIDTH - _LEFT - _RIGHT)
        down = HEIGHT - _BOTTOM - (y - self.low_y) / (self.high_y - self.low_y) * (HEIGHT - _TOP - _BOTTOM)
        return across, down


def plot(title: str, x_name: str, series: Sequence[Series]) -> str:
    """Draw series over common axes; long ones are thinned to a few hundred points.

    Args:
        title: What is shown, with the unit of y.
        x_name: What x is, with its unit.
        series: At least one, with finite values alone.

    Returns:
        One ``<svg>`` element.
    """
    frame = _frame(series)
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img">',
        f"<title>{escape(title)}</title>",
        _text(_LEFT, 16, title, "start", "bold"),
        *_axes(frame, x_name),
    ]
    for place, one in enumerate(series):
        colour = _COLOURS[place % len(_COLOURS)]
        parts.append(_drawn(one, frame, colour))
        if len(series) > 1:
            parts.append(_text(WIDTH - _RIGHT, _TOP + 12 + 14 * place, one.name, "end", "normal", colour))
    return "\n".join([*parts, "</svg>"])


def _frame(series: Sequence[Series]) -> Frame:
    x = np.concatenate([one.x for one in series])
    y = np.concatenate([one.y for one in series])
    low_x, high_x, low_y, high_y = float(x.min()), float(x.max()), float(y.min()), float(y.max())
    if low_x == high_x:
        high_x += 1.0
    room = 0.04 * (high_y - low_y) or 1.0
    return Frame(low_x, high_x, low_y - room, high_y + room)


def _axes(frame: Frame, x_name: str) -> list[str]:
    bottom, right = HEIGHT - _BOTTOM, WIDTH - _RIGHT
    parts = [f'<path d="M{_LEFT} {_TOP}V{bottom}H{right}" fill="none" stroke="#888"/>']
    for part in np.linspace(0, 1, _N_TICKS):
        x = frame.low_x + part * (frame.high_x - frame.low_x)
        y = frame.low_y + part * (frame.high_y - frame.low_y)
        across, down = _LEFT + part * (right - _LEFT), bottom - part * (bottom - _TOP)
        parts.append(_text(across, bottom + 15, f"{x:.4g}", "middle"))
        parts.append(_text(_LEFT - 5, down + 4, f"{y:.3g}", "end"))
    parts.append(_text((_LEFT + right) / 2, HEIGHT - 5, x_name, "middle"))
    return parts


def _drawn(series: Series, frame: Frame, colour: str) -> str:
    step = max(1, len(series.x) // _MOST_POINTS)
    across, down = frame.place(series.x[::step], series.y[::step])
    if series.dots:
        return "".join(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.4" fill="{colour}"/>'
            for x, y in zip(across, down, strict=True)
        )
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(across, down, strict=True))
    return f'<polyline points="{points}" fill="none" stroke="{colour}"/>'


def _text(x: float, y: float, text: str, anchor: str, weight: str = "normal", colour: str = "#333") -> str:
    style = f'font-size="11" font-family="sans-serif" font-weight="{weight}" fill="{colour}"'
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" {style}>{escape(text)}</text>'
