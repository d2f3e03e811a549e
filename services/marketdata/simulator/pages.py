"""The report as a plain table, and as one HTML page with plots that needs nothing from elsewhere."""

from __future__ import annotations

from html import escape
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from services.marketdata.simulator.facts import autocorrelation
from services.marketdata.simulator.plots import Series, plot
from services.marketdata.simulator.report import Report, Row

_HEAD: Final = ("fact", "median", "lowest", "highest", "band", "inside", "tuned")
_LAGS: Final = np.array([1, 2, 5, 10, 20, 60, 120, 300])
_STYLE: Final = (
    "body{font:14px sans-serif;max-width:90rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse}td,th{padding:.2rem .6rem;border-bottom:1px solid #ddd;text-align:left}"
    ".no{color:#b00020;font-weight:bold}svg{margin:.5rem}"
)


def text_table(report: Report) -> str:
    """Lay the facts out as lines of text, with the residuals and what lies outside below."""
    lines = [_cells(row) for row in report.rows]
    widths = [max(len(line[place]) for line in [_HEAD, *lines]) for place in range(len(_HEAD))]
    told = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in [_HEAD, *lines]
    ]
    return "\n".join([report.title, *told, _residuals(report), _verdict(report)])


def html_page(report: Report) -> str:
    """Write the report as a page."""
    rows = "\n".join(_html_row(row) for row in report.rows)
    head = "".join(f"<th>{name}</th>" for name in (*_HEAD, "measured on"))
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(report.title)}</title>'
        f"<style>{_STYLE}</style></head><body>\n<h1>{escape(report.title)}</h1>\n"
        f"<p>{escape(_verdict(report))} {escape(_residuals(report))}</p>\n"
        f"<table><thead><tr>{head}</tr></thead><tbody>\n{rows}\n</tbody></table>\n"
        + "\n".join(_plots(report))
        + "\n</body></html>\n"
    )


def _cells(row: Row) -> tuple[str, ...]:
    return (
        row.band.fact,
        *(f"{value:.4g}" for value in (row.value, row.low, row.high)),
        f"{row.band.low:.4g} to {row.band.high:.4g}",
        "yes" if row.inside else "NO",
        "yes" if row.band.tuned else "no",
    )


def _html_row(row: Row) -> str:
    cells = _cells(row)
    shown = "".join(f"<td>{escape(cell)}</td>" for cell in (*cells[1:], row.band.source))
    mark = "" if row.inside else ' class="no"'
    return f'<tr{mark}><td title="{escape(row.band.told)}">{escape(cells[0])}</td>{shown}</tr>'


def _verdict(report: Report) -> str:
    inside = len(report.rows) - len(report.outside)
    told = f"{inside} of {len(report.rows)} facts lie inside of their bands."
    return f"{told} Outside: {', '.join(report.outside)}." if report.outside else told


def _residuals(report: Report) -> str:
    if not len(report.residuals):
        return "Residuals of the arrivals are not known."
    count = len(report.residuals)
    return (
        f"{count} residuals of the arrivals against Exp(1): Kolmogorov-Smirnov p = {report.residual_p:.3f}."
    )


def _plots(report: Report) -> list[str]:
    sides = [row for row in report.rows if row.band.fact.startswith("sign_acf_") and row.n_measured]
    lags = np.array([float(row.band.fact.rsplit("_", 1)[1]) for row in sides])
    shown = []
    if len(report.prices):
        minutes = np.arange(len(report.prices), dtype=np.float64)
        shown.append(
            plot("Price, currency", "minute of the session", [Series("price", minutes, report.prices)])
        )
    if len(report.seconds) > int(_LAGS[-1]) and report.seconds.any():
        acf = np.array([autocorrelation(np.abs(report.seconds), int(lag)) for lag in _LAGS])
        clusters = Series("absolute 1 s returns", _LAGS.astype(np.float64), acf)
        shown.append(plot("Autocorrelation of absolute 1 s returns", "lag, s", [clusters]))
        pairs = [("1 s", report.seconds), ("60 s", report.minutes)]
        tails = [Series(name, *_against_normal(values)) for name, values in pairs if len(values) > 2]
        shown.append(plot("Returns against the normal, in deviations", "normal quantile", tails))
    if len(lags):
        ours = Series("simulated", lags, np.array([row.value for row in sides]))
        middle = np.array([(row.band.low + row.band.high) / 2 for row in sides])
        shown.append(
            plot("Autocorrelation of sides", "lag, trades", [ours, Series("ESH4", lags, middle, dots=True)])
        )
    if len(report.shares):
        hours = np.arange(1.0, len(report.shares) + 1)
        shown.append(plot("Volume, %", "half hour", [Series("volume", hours, 100 * report.shares)]))
    if len(report.sizes):
        sizes = np.sort(report.sizes)
        above = np.log10(1 - np.arange(len(sizes)) / len(sizes))
        shown.append(
            plot("Share of larger trades, log10", "size, log10", [Series("", np.log10(sizes), above)])
        )
    if len(report.residuals):
        quantiles = stats.expon.ppf((np.arange(len(report.residuals)) + 0.5) / len(report.residuals))
        both = [
            Series("residuals", quantiles, np.sort(report.residuals)),
            Series("Exp(1)", quantiles, quantiles),
        ]
        shown.append(plot("Residuals of the arrivals", "quantile of Exp(1)", both))
    return shown


def _against_normal(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Normal quantiles, and sorted values in deviations."""
    order = np.sort((values - values.mean()) / values.std())
    return stats.norm.ppf((np.arange(len(order)) + 0.5) / len(order)), order
