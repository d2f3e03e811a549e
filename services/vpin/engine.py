"""vpin's engine: trades, quotes and clocks in, toxicity at each completed bucket out."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from itertools import zip_longest
from typing import Any, ClassVar, Final

import msgspec
import numpy as np

from bus.messages.toxicity import Toxicity
from bus.records import Array, Records
from services.vpin.config import Config
from services.vpin.kernel import check
from services.vpin.kernel.batch import needed, parameters_of, read_only
from services.vpin.kernel.fold import run
from services.vpin.kernel.layout import BUCKET, TERMS, Memory, Slice, allocate, grown
from services.vpin.kernel.output import blank_output
from shared.engine import Emit, Engine
from shared.errors import ConstraintError, SettingsError
from shared.instruments import SCALE, Instrument
from shared.values import Reason, Series, Value

_REASONS: Final = {
    "trade_intensity": Reason.NO_VARIATION,
    "realized_volatility": Reason.OUTSIDE_MODEL,
    "kyle_lambda": Reason.NO_VARIATION,
    "amihud_illiquidity": Reason.OUTSIDE_MODEL,
    "roll_spread": Reason.OUTSIDE_MODEL,
}
"""Why a figure is missing although its window is full; the others are still warming up."""


FIGURES: Final = {
    "vpin": "vpin",
    "vpin_cdf": "vpin_cdf",
    "mean_signed_imbalance": "mean_imbalance",
    "trade_intensity": "trade_intensity",
    "realized_volatility": "realized_volatility",
    "kyle_lambda": "kyle_lambda",
    "amihud_illiquidity": "amihud_illiquidity",
    "roll_spread": "roll_spread",
}
"""Figures of the window by their field in a bucket."""


_BUCKET: Final = tuple(BUCKET.names or ())


class State(msgspec.Struct):
    """What vpin remembers; the first axis of every array is the instrument row and grows by powers of two."""

    settings: str
    """Settings that the rest was made with."""
    lanes: Array
    """`services.vpin.kernel.layout.LANE`: open bucket, open bar, prices, quote, session."""
    buckets: Array
    """`services.vpin.kernel.layout.BUCKET`: the last completed buckets."""
    vpins: Array
    """The last VPIN values."""
    changes: Array
    """The last bar price changes, for the rolling sigma."""
    pending: Array
    """`services.vpin.kernel.layout.QUOTE_STATE`: quotes that wait for the lag to pass."""
    session_volumes: Array
    """Volumes of the last complete sessions, for the adaptive bucket volume."""
    session_counts: Array
    """`services.vpin.kernel.layout.COUNTS`: trades by side of the last complete sessions."""


class Vpin(Engine[State]):
    """How toxic is the order flow?

    Trades, and by the settings quotes or clocks -> one `Toxicity` for each completed bucket, caused by the
    record that completed it.

    State: for each instrument one lane of 400 bytes and rings whose lengths the settings fix; nothing else
    grows.

    Invariants: a bucket holds its volume exactly; volume in is volume in buckets, open, left out or
    discarded; VPIN lies in 0 to 1; results do not depend on how the flow was cut.

    It never guesses: volume without a side is left out and told, and a figure without a value has a reason.
    """

    state_version: ClassVar[int] = 1

    def __init__(self, config: Config) -> None:
        self._settings = config.kernel_settings()
        self._method = int(self._settings.method)
        self._parameters = parameters_of(self._settings)
        self._rings = self._settings.rings()
        self._text = msgspec.json.encode(config, order="deterministic").decode()
        self._memory = allocate(1, self._rings)
        super().__init__(config, State(self._text, *self._memory))
        self._output = blank_output()
        self._terms = np.zeros(0, TERMS)
        self._uniform = True
        self._unusable: dict[int, Instrument] = {}

    def on_records(self, records: Records) -> list[Emit]:
        """Fold a slice of the record flow; tell every bucket it completes.

        Raises:
            ConstraintError: a record that no state can follow; nothing was changed.
            SettingsError: a bucket volume that is no whole number of an instrument's size increments, an
                unknown zone of its sessions, or a state that other settings made.
        """
        self._check_settings()
        self._learn_instruments()
        slice_ = read_only(records.trade, records.quote, records.clock)
        begins = self._check(slice_)
        before = memory = self._remembered()
        if len(memory.lanes) < len(self._terms):
            memory = grown(memory, 1 << (len(self._terms) - 1).bit_length(), self._rings)
        elif begins and self._settings.adaptive:
            before = Memory(*(array.copy() for array in memory))
        chosen = needed(slice_, self._method)
        buckets = run(chosen, memory, self._terms, self._parameters, self._session, self._output)
        if isinstance(buckets, check.Finding):
            self._remember(before)
            raise self._problem(buckets, slice_)
        if memory.lanes is not self.state.lanes:
            self._remember(memory)
        sequences = buckets["sequence"].tolist()
        return [Emit(*told) for told in zip(self.messages(buckets), sequences, strict=True)]

    def toxicity(self, instrument_id: str) -> Value:
        """VPIN of an instrument at its last completed bucket.

        Raises:
            ConstraintError: no such instrument.
        """
        return self.latest(self.row(instrument_id), 1)[0][0]

    def latest(self, first: int, count: int) -> list[tuple[Value, Toxicity | None]]:
        """VPIN of the instruments from a row on at their last completed buckets, and these as published."""
        rows = np.arange(first, min(first + count, len(self.instruments)))
        held = rows[rows < len(self.state.lanes)]
        n_completed, buckets = self._last(held)
        told = [dict(zip(_BUCKET, values, strict=True)) for values in buckets.tolist()]
        last = [bucket if n else None for bucket, n in zip(told, n_completed.tolist(), strict=True)]
        return [self._told(row, bucket) for row, bucket in zip_longest(rows.tolist(), last)]

    def buckets(self, instrument_id: str, limit: int) -> Series:
        """VPIN of an instrument at its last completed buckets: at most ``limit``, and as many as are kept.

        Raises:
            ConstraintError: no such instrument, or a limit below 1.
        """
        if limit < 1:
            name = "limit"
            raise ConstraintError(name, "1 or more", str(limit))
        row = self.row(instrument_id)
        kept = self._kept(row, limit)
        return Series.known(
            kept["ts_close"],
            kept["vpin"],
            n_observations=len(kept),
            method="vpin",
            parameters=self._provenance(row),
        )

    def completed(self, instrument_id: str, limit: int) -> Array:
        """Copy of the last completed buckets of an instrument, oldest first, for `messages`.

        Raises:
            ConstraintError: no such instrument.
        """
        return self._kept(self.row(instrument_id), limit)

    def messages(self, buckets: Array) -> Iterator[Toxicity]:
        """Messages of completed buckets, as they are published."""
        return (self._payload(dict(zip(_BUCKET, values, strict=True))) for values in buckets.tolist())

    def session_counts(self, instrument_id: str) -> Array:
        """Trades by side of an instrument's complete sessions, oldest first, for `kernel.pin.fit_pin`.

        Bulk classification signs no trade, so there are none under it.

        Raises:
            ConstraintError: no such instrument.
        """
        row = self.row(instrument_id)
        counts = self.state.session_counts
        signed = row < len(counts) and not self.config.is_bulk
        n_sessions = int(self.state.lanes["n_sessions"][row]) if signed else 0
        places = np.arange(max(n_sessions - counts.shape[1], 0), n_sessions) % counts.shape[1]
        found: Array = counts[min(row, len(counts) - 1), places]
        return found

    def measure(self) -> Mapping[str, float]:
        """Domain metrics now."""
        lanes = self.state.lanes
        rank = self._last(np.flatnonzero(lanes["n_completed"]))[1]["vpin_cdf"]
        levels = (self.config.alarm_level, self.config.elevated_level)
        n_alarmed, n_raised = (int((rank >= level).sum()) for level in levels)
        return {
            "knotmeter_vpin_trades_total": float(lanes["n_flow"].sum()),
            "knotmeter_vpin_buckets_total": float(lanes["n_completed"].sum()),
            "knotmeter_vpin_elevated_instruments": float(n_raised - n_alarmed),
            "knotmeter_vpin_alarmed_instruments": float(n_alarmed),
            "knotmeter_vpin_early_quotes_total": float(lanes["n_promoted"].sum()),
        }

    def summary(self) -> list[dict[str, Any]]:
        """One row for each instrument: its buckets so far, and the figures of the last."""
        told = self.latest(0, len(self.instruments))
        return [
            {
                "instrument_id": instrument.instrument_id,
                "buckets": last.bucket_index + 1 if last else 0,
                "bucket_volume": value.parameters["bucket_volume"],
                "vpin": value.value,
                "vpin_cdf": last and last.vpin_cdf,
                "level": last and last.level,
                "reason": value.reason and value.reason.value,
            }
            for instrument, (value, last) in zip(self.instruments, told, strict=True)
        ]

    def _check_settings(self) -> None:
        if self.state.settings is not self._text:
            if self.state.settings != self._text:
                problem = f"expected those of the checkpoint, {self.state.settings}, found {self._text}"
                raise SettingsError([f"`vpin`: {problem}; go back to them, or start with a reset"])
            self.state.settings = self._text

    def _learn_instruments(self) -> None:
        """Work out what the fold must know of instruments that were defined, or corrected to be usable."""
        known = len(self._terms)
        corrected = [row for row, judged in self._unusable.items() if judged is not self.instruments[row]]
        if known == len(self.instruments) and not corrected:
            return
        terms = np.zeros(len(self.instruments), TERMS)
        terms[:known] = self._terms
        for row in [*corrected, *range(known, len(terms))]:
            terms[row] = self._terms_of(row)
        self._terms = terms
        self._uniform = bool((terms["volume"] > 0).all())

    def _terms_of(self, row: int) -> tuple[int, float, float]:
        instrument = self.instruments[row]
        self._unusable.pop(row, None)
        try:
            volume = self._fitted(instrument)
        except SettingsError:
            self._unusable[row] = instrument
            volume = -1
        return volume, instrument.size_increment / SCALE, instrument.multiplier / SCALE

    def _fitted(self, instrument: Instrument) -> int:
        """Bucket volume of an instrument that the settings fit."""
        self.config.sessions_of(instrument)
        return int(self.config.bucket_units(instrument))

    def _check(self, slice_: Slice) -> bool:
        """Refuse a slice with a record that cannot be folded; returns whether a session may begin in it."""
        found = check.check(slice_, self.state.lanes, self._terms, self._method, uniform=self._uniform)
        if found.code != check.OK:
            raise self._problem(found, slice_)
        return found.begins

    def _problem(self, found: check.Finding, slice_: Slice) -> ConstraintError | SettingsError:
        record = getattr(slice_, f"{found.kind}s")[found.place]
        if found.code == check.UNUSABLE_INSTRUMENT:
            try:
                self._fitted(self.instruments[record["instrument"]])
            except SettingsError as error:
                return error
        name, expected = check.EXPECTATIONS[found.code]
        return ConstraintError(f"{found.kind}.{name}", expected, _shown(record), found.place)

    def _remembered(self) -> Memory:
        if self._memory.lanes is not self.state.lanes:
            self._memory = Memory(*(getattr(self.state, name) for name in Memory._fields))
        return self._memory

    def _remember(self, memory: Memory) -> None:
        for name, array in zip(Memory._fields, memory, strict=True):
            setattr(self.state, name, array)
        self._memory = memory

    def _session(self, row: int, ts_event: int) -> tuple[int, int]:
        session: tuple[int, int] = self.config.sessions_of(self.instruments[row]).at(ts_event)
        return session

    def row(self, instrument_id: str) -> int:
        """Row of an instrument; one that was not defined is refused."""
        row = self.instruments.row(instrument_id)
        if row is None:
            name = "instrument_id"
            raise ConstraintError(name, "an instrument that was defined", repr(instrument_id))
        return row

    def _kept(self, row: int, limit: int) -> Array:
        """The last completed buckets of an instrument, oldest first."""
        rings, lanes = self.state.buckets, self.state.lanes
        n_completed = int(lanes["n_completed"][row]) if row < len(lanes) else 0
        first = n_completed - min(limit, n_completed, self.config.buckets_kept)
        kept: Array = rings[min(row, len(lanes) - 1), np.arange(first, n_completed) % rings.shape[1]]
        return kept

    def _last(self, rows: Array) -> tuple[Array, Array]:
        """Buckets completed so far of instruments that have lanes, and the last ones; of none, an old row."""
        n_completed = self.state.lanes["n_completed"][rows]
        return n_completed, self.state.buckets[rows, (n_completed - 1) % self.state.buckets.shape[1]]

    def _told(self, row: int, bucket: Mapping[str, Any] | None) -> tuple[Value, Toxicity | None]:
        vpin = _known(bucket["vpin"]) if bucket else None
        ts_event = bucket["ts_close"] if bucket else None
        value = Value(
            value=vpin,
            reason=self._why_missing(row) if vpin is None else None,
            ts_event=ts_event,
            as_of_oldest=ts_event,
            n_observations=bucket["n_observations"] if bucket else 0,
            method="vpin",
            parameters=self._provenance(row),
        )
        return value, self._payload(bucket) if bucket else None

    def _why_missing(self, row: int) -> Reason:
        lane = self.state.lanes[row] if row < len(self.state.lanes) else None
        if lane is None or not (lane["n_flow"] or lane["unclassified"]):
            return Reason.NO_TRADE
        if not lane["n_flow"]:
            return Reason.NO_REPORTED_SIDE
        return Reason.WARMING_UP if lane["volume"] else Reason.NOT_ENOUGH_HISTORY

    def _level(self, rank: float) -> str | None:
        if math.isnan(rank):
            return None
        if rank >= self.config.alarm_level:
            return "alarm"
        return "elevated" if rank >= self.config.elevated_level else "normal"

    def _provenance(self, row: int) -> dict[str, Any]:
        """Parameters behind the figures of an instrument."""
        config = self.config
        units = int(self.state.lanes["volume"][row]) if row < len(self.state.lanes) else 0
        return {
            "classification": config.classification,
            "bar_seconds": config.bar_seconds if config.is_bulk else None,
            "sigma_rule": config.sigma_rule if config.is_bulk else None,
            "bucket_volume": units * self.instruments[row].size_increment / SCALE if units else None,
            "n_buckets": config.n_buckets,
        }

    def _payload(self, bucket: Mapping[str, Any]) -> Toxicity:
        """Message of a completed bucket, in natural units."""
        config, instrument = self.config, self.instruments[bucket["instrument"]]
        unit, volume, imbalance = instrument.size_increment, bucket["volume"], bucket["imbalance"]
        level = self._level(bucket["vpin_cdf"])
        figures = {name: _known(bucket[field]) for name, field in FIGURES.items()}
        missing = [name for name, figure in figures.items() if figure is None]
        missing += ["level"] if level is None else []
        reasons = _REASONS if bucket["n_observations"] == config.n_buckets else {}
        return Toxicity(
            instrument_id=instrument.instrument_id,
            bucket_index=bucket["index"],
            ts_open=bucket["ts_open"],
            ts_close=bucket["ts_close"],
            level=level,
            buy_volume=bought(volume, imbalance, unit),
            sell_volume=bought(volume, -imbalance, unit),
            unclassified_volume=bucket["unclassified"] * unit / SCALE,
            bucket_volume=volume * unit / SCALE,
            signed_imbalance=imbalance * unit / SCALE,
            n_trades=bucket["n_trades"],
            classification=config.classification,
            bar_seconds=config.bar_seconds if config.is_bulk else None,
            sigma_rule=config.sigma_rule if config.is_bulk else None,
            sigma=_known(bucket["sigma"]) if config.is_bulk else None,
            n_buckets=config.n_buckets,
            n_observations=bucket["n_observations"],
            reasons={name: reasons.get(name, Reason.WARMING_UP).value for name in missing},
            **figures,
        )


def bought(volume: Any, imbalance: Any, size_increment: int) -> Any:
    """Bought part of a bucket in natural units; its sold part with the imbalance turned round."""
    return (volume + imbalance) / 2 * size_increment / SCALE


def _known(figure: float) -> float | None:
    return float(figure) if math.isfinite(figure) else None


def _shown(record: Any) -> str:
    return ", ".join(f"{name} {record[name]}" for name in record.dtype.names if name != "reserved")


def create(config: Config) -> Vpin:
    """A fresh engine with these settings."""
    return Vpin(config)
