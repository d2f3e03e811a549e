"""The report: a table that tells what lies outside, and a page with plots that needs nothing else."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from bus.records import QUOTE
from services.marketdata.simulator.pages import html_page, text_table
from services.marketdata.simulator.plots import Series, plot
from services.marketdata.simulator.report import Report, assess, assess_simulation
from tests.services.marketdata.simulator.flows import SECOND, TICK, flow, small


@pytest.fixture(scope="module")
def report() -> Report:
    """A small market, measured."""
    return assess_simulation(small(history_days=0))


def test_the_table_has_a_line_for_each_fact(report: Report) -> None:
    """With value and band; what lies outside says NO, and is named once more at the end."""
    lines = text_table(report).splitlines()
    by_fact = {line.split()[0]: line for line in lines[2:-2]}

    assert lines[0] == "Simulated market, seed 1"
    assert list(by_fact) == [row.band.fact for row in report.rows]
    assert {fact for fact, line in by_fact.items() if " NO" in line} == set(report.outside)
    assert "residuals of the arrivals against Exp(1)" in lines[-2]
    assert lines[-1].endswith(f"Outside: {', '.join(report.outside)}.")


def test_the_page_stands_alone(report: Report) -> None:
    """It has the table and the plots, each of them well-formed, and no link to anywhere."""
    page = html_page(report)
    pictures = re.findall(r"<svg.*?</svg>", page, re.DOTALL)

    assert len(pictures) == 6
    assert all(ET.fromstring(picture).tag == "svg" for picture in pictures)  # our own text, not input
    assert page.count("<tr") == len(report.rows) + 1
    assert "http" not in page
    assert "nan" not in "".join(pictures)


def test_a_flow_without_sides_quotes_or_residuals_is_measured_too() -> None:
    """What cannot be had is told as such, and counts as outside."""
    trades = flow(history_days=0, sessions=1).trade.copy()
    trades["aggressor_side"] = 0
    start = int(trades["ts_event"][0]) // SECOND * SECOND

    report = assess("Some file", trades, np.zeros(0, QUOTE), TICK, [(start, start + 1_200 * SECOND)])

    unknown = {row.band.fact for row in report.rows if not row.n_measured}
    assert {"sign_acf_1", "spread_1", "ofi_r2"} <= unknown <= set(report.outside)
    assert "Residuals of the arrivals are not known." in text_table(report)
    assert "<svg" in html_page(report)


def test_plots_stay_small_and_in_their_frame() -> None:
    """A long series is thinned, a constant one is drawn, and text is escaped."""
    x = np.arange(100_000.0)

    picture = plot(
        "a < b", "x", [Series("line", x, np.zeros(100_000)), Series("dots", x[:3], x[:3], dots=True)]
    )

    root = ET.fromstring(picture)  # our own text, not input
    points = [element.get("points", "") for element in root if element.tag == "polyline"]
    places = np.array([float(number) for pair in points[0].split() for number in pair.split(",")])
    assert len(points[0].split()) <= 810
    assert places.min() >= 0
    assert places.max() <= 420
    assert "a &lt; b" in picture
