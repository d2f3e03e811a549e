"""The simulated feed: one flow whatever the cuts, readable again, bounded."""

from __future__ import annotations

import numpy as np
import pytest
from msgspec import ValidationError, convert

from bus.record_codes import BookAction, Flag, SideOrigin
from bus.records import Records
from services.marketdata.simulator import SimulatedFeed, SimulatorSettings
from shared.errors import ConstraintError, DataError
from shared.feed import Feed
from tests.services.marketdata.simulator.flows import SECOND, TICK, flow, read, same, small


@pytest.fixture(scope="module")
def whole() -> Records:
    """A small market, read at one go."""
    return flow()


@pytest.mark.parametrize("limit", [997, 16_384, 100_000])
def test_cutting_has_no_meaning(whole: Records, limit: int) -> None:
    """Slices of any length make the same bytes."""
    assert same(whole, read(SimulatedFeed(small()), limit))


def test_single_records_make_the_same_flow(whole: Records) -> None:
    """Also one at a time, across the end of the pre-history and the first block."""
    feed = SimulatedFeed(small())
    parts = [feed.read(1) for _ in range(2_000)]

    head, _ = whole.split_at_sequence(2_001)

    assert [len(part) for part in parts] == [1] * 2_000
    assert all(np.concatenate([p[kind] for p in parts]).tobytes() == head[kind].tobytes() for kind, _ in head)


def test_another_seed_is_another_market(whole: Records) -> None:
    """And the same seed is the same one."""
    assert same(whole, flow())
    assert flow(seed=2).trade.tobytes() != whole.trade.tobytes()


def test_more_sessions_do_not_change_the_first() -> None:
    """A longer simulation begins as a shorter one."""
    longer = flow(sessions=3, episodes_per_session=0)
    shorter = flow(sessions=2, episodes_per_session=0)

    assert longer.trade[: len(shorter.trade)].tobytes() == shorter.trade.tobytes()


@pytest.mark.parametrize("place", [0, 1, 33, 5_000, 19_999])
def test_seeking_goes_anywhere(whole: Records, place: int) -> None:
    """Backwards and forwards, into the pre-history too; what follows is what followed before."""
    feed = SimulatedFeed(small())
    feed.seek(12_345)
    feed.seek(place)

    _, rest = whole.split_at_sequence(place + 1)

    assert same(rest, read(feed))


def test_seeking_past_the_end_is_refused(whole: Records) -> None:
    """The message says how many records there are."""
    with pytest.raises(DataError, match=rf"expected at least 999999999 records, found {len(whole)}"):
        SimulatedFeed(small()).seek(999_999_999)


def test_records_are_numbered_and_in_time(whole: Records) -> None:
    """Sequences 1, 2, 3, … over all kinds; `ts_init` never decreases over all of them."""
    order = np.argsort(np.concatenate([array["sequence"] for _, array in whole]))
    times = np.concatenate([array["ts_init"] for _, array in whole])[order]

    assert whole.sequences().tolist() == list(range(1, len(whole) + 1))
    assert (np.diff(times) >= 0).all()
    assert all((array["ts_event"] == array["ts_init"]).all() for _, array in whole)


def test_trades_are_reported_executions(whole: Records) -> None:
    """They have a side, a size and a price on the tick, and lie inside of the sessions."""
    trades = whole.trade
    opens = SimulatedFeed(small()).session_opens
    inside = [(trades["ts_event"] >= o) & (trades["ts_event"] < o + 1_200 * SECOND) for o in opens]

    assert set(trades["aggressor_side"].tolist()) == {-1, 1}
    assert (trades["side_origin"] == SideOrigin.REPORTED).all()
    assert (trades["size"] > 0).all()
    assert (trades["price"] % TICK == 0).all()
    assert np.logical_or(*inside).all()
    assert all(part.sum() > 1_000 for part in inside)
    assert 4_500 < len(trades) < 18_000


def test_each_session_opens_with_a_snapshot(whole: Records) -> None:
    """CLEAR first, LAST on its end, of every instrument, at the open."""
    snapshots = whole["level"][(whole["level"]["flags"] & Flag.SNAPSHOT) != 0]
    first = snapshots[snapshots["action"] == BookAction.CLEAR]
    last = snapshots[(snapshots["flags"] & Flag.LAST) != 0]

    assert first["instrument"].tolist() == last["instrument"].tolist() == [0, 1, 2, 0, 1, 2]
    assert sorted(set(first["ts_event"].tolist())) == SimulatedFeed(small()).session_opens
    assert len(snapshots) == 6 * 21


def test_progress_goes_from_zero_to_one() -> None:
    """It never goes back, and says 1 at the end."""
    feed = SimulatedFeed(small())
    seen = [feed.progress]
    while len(feed.read(10_000)):
        seen.append(feed.progress)

    assert seen[0] == 0
    assert seen == sorted(seen)
    assert seen[-1] == 1


def test_it_is_a_feed() -> None:
    """It has what `shared.feed.Feed` asks for, and says that it is no market."""
    feed: Feed = SimulatedFeed(small())

    assert feed.rereadable
    assert feed.n_records is None
    assert feed.notes == ["The market is simulated, seed 1: no price of it was ever traded."]
    feed.close()


def test_memory_does_not_grow() -> None:
    """The arrays that the market keeps are as large after two sessions as before the first."""
    feed = SimulatedFeed(small())
    before = [array.nbytes for array in (*feed._memory, *feed._out)]
    read(feed)

    assert [array.nbytes for array in (*feed._memory, *feed._out)] == before


def test_sessions_are_on_working_days() -> None:
    """A Saturday begins on Monday; after Friday comes Monday."""
    feed = SimulatedFeed(small(first_day="2024-01-04", sessions=3))
    days = [np.datetime64(opened, "ns").astype("datetime64[D]") for opened in feed.session_opens]
    weekend = SimulatedFeed(small(first_day="2024-01-06"))

    assert [str(day) for day in days] == ["2024-01-04", "2024-01-05", "2024-01-08"]
    assert np.datetime64(weekend.session_opens[0], "ns") == np.datetime64("2024-01-08T14:30:00", "ns")


def test_wrong_settings_are_refused() -> None:
    """A field outside of its bounds, one that nobody knows, a day that is none, too many bars."""
    for wrong in ({"sessions": 0}, {"seed": -1}, {"volatility": 1}, {"first_day": "soon"}):
        with pytest.raises(ValidationError):
            convert(wrong, SimulatorSettings)
    with pytest.raises(ConstraintError, match="`first_day`: expected a day of the calendar"):
        SimulatedFeed(small(first_day="2024-02-30"))
    with pytest.raises(ConstraintError, match="`history_days`: expected at most 1000 for 1000 instruments"):
        SimulatedFeed(small(n_instruments=1_000, history_days=2_000)).read(1)
