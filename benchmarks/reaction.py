"""What does an engine take from an event on the bus to its answer to it, beside its own computation?

Topology: one process and one event loop, as every engine has; a `shared.service.Service` around an engine
that does next to nothing; and a courier that delivers one event at a time and keeps what it is given. So what
is measured is all between the two halves of a hop: the turn of the loop, decoding, the order of inputs, the
handler, encoding, handing over. The hop is measured by `hop`, computation by `vpin` and its like.

An event comes at once after the last (everything is warm) or a millisecond after it (everything has gone
cold meanwhile, as it does between events). It comes alone; or with its producer's promise, as in event time,
where the engine's own promise goes out with the answer; or to a live engine, which takes a note before it
says anything, and promises too. The baseline is the turn in which nothing has come.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from functools import partial
from time import perf_counter_ns
from typing import Final, NamedTuple

import numpy as np
import uvloop

from benchmarks import turns
from benchmarks.bench import Bench
from benchmarks.echo import PRODUCER, SPEC, Conversation, Echoer
from benchmarks.harness import MissingError
from benchmarks.mailbox import Mailbox
from benchmarks.stages import Stages
from benchmarks.targets import held as against
from benchmarks.turns import Told
from benchmarks.wakefulness import cores_awake
from bus.topics import Bus
from shared.clock import WallClock
from shared.fleet_settings import FleetSettings, Mode
from shared.service import Service

QUESTION: Final = "What does an engine take to answer an event, beside its own computation?"

TARGET_NS: Final = 15_000.0
N_EVENTS: Final = 1_000
N_QUICK: Final = 50
APART: Final = "A millisecond apart"
PAUSE: Final = 0.001
WARM_UP: Final = 10
"""One event in so many comes first and is not counted."""

TOLD: Final = Told("event", "every event answered once, its echo byte for byte")


class Setting(NamedTuple):
    """How an engine works, and what comes to it."""

    mode: Mode
    promises: bool
    """Whether the promise of the producer comes with each event."""


SETTINGS: Final = {
    "alone": Setting("replay", promises=False),
    "with promises": Setting("replay", promises=True),
    "live": Setting("live", promises=False),
}


class Sample(NamedTuple):
    """Median and 99th percentile of one sample, ns."""

    answer: tuple[float, float]
    """From the arrival of an event until its answer was handed to the bus."""
    turn: tuple[float, float]
    """The whole turn of the event loop, in which nothing else can happen."""
    empty: tuple[float, float]
    """The turn in which nothing has come."""


PARTS: Final = {"answer": "until it is answered", "turn": "whole turn", "empty": "turn without an event"}


class EchoProcess:
    """The service of an engine that echoes, on an event loop that runs while it is sampled."""

    def __init__(self, setting: Setting) -> None:
        self._loop = uvloop.new_event_loop()
        self._conversation = Conversation()
        self._promises = setting.promises
        self._mailbox: Mailbox
        self._running: asyncio.Task[None]
        self._loop.run_until_complete(self._start(setting.mode))

    def sample(self, n: int, pause: float) -> Sample:
        """Let ``n`` events come, each some seconds after the last was answered.

        Raises:
            AnswerError: an event was not answered, or not as it has to be.
        """
        return self._loop.run_until_complete(self._sample(n, pause))

    def close(self) -> None:
        """End the service as a crash does."""
        self._running.cancel()
        self._loop.run_until_complete(asyncio.gather(self._running, return_exceptions=True))
        self._loop.close()

    async def _start(self, mode: Mode) -> None:
        self._mailbox = Mailbox()
        # A checkpoint waits for answers to all that was said, and would hold up an event that comes then.
        settings = FleetSettings(mode=mode, checkpoint_seconds=3_600)
        service = Service(SPEC, Echoer, [PRODUCER, SPEC], self._mailbox, WallClock(), settings)
        self._running = asyncio.get_running_loop().create_task(service.run())
        while service.phase != "ready" and not self._running.done():
            await asyncio.sleep(0)
        if self._running.done():
            self._running.result()

    async def _sample(self, n: int, pause: float) -> Sample:
        times = np.zeros((3, n + n // WARM_UP), np.int64)
        for place in range(times.shape[1]):
            await asyncio.sleep(pause)
            self._mailbox.take()  # what the service says of itself now and then
            times[2, place] = self._empty_turn()
            await asyncio.sleep(pause)
            self._mailbox.take()
            times[:2, place] = self._turn()
        answer, turn, empty = np.percentile(times[:, n // WARM_UP :], (50, 99), axis=1).T.tolist()
        return Sample(tuple(answer), tuple(turn), tuple(empty))

    def _empty_turn(self) -> int:
        arrive = self._mailbox.on_arrival
        assert arrive is not None
        began = perf_counter_ns()
        arrive()
        return perf_counter_ns() - began

    def _turn(self) -> tuple[int, int]:
        arrive = self._mailbox.on_arrival
        assert arrive is not None
        self._mailbox.hand(Bus.ENGINE_LOGIC, self._conversation.next(promises=self._promises))
        began = perf_counter_ns()
        arrive()
        ended = perf_counter_ns()
        said = self._mailbox.take()
        self._conversation.check([one.event for one in said])
        return said[0].at - began, ended - began


def run(bench: Bench) -> None:
    """Measure whole reactions in each setting, warm and cold, then their stages."""
    n = N_QUICK if bench.options.quick else N_EVENTS
    bench.workload(
        "reaction", f"{n:,} events of {PRODUCER.name} a sample, one at a time, and an echo of each"
    )
    with ExitStack() as held:
        echoes = {
            name: held.enter_context(closing(EchoProcess(setting))) for name, setting in SETTINGS.items()
        }
        _reactions(bench, echoes, "Back to back", n, 0.0)
        _reactions(bench, echoes, APART, n, PAUSE)
        try:
            with cores_awake():
                _reactions(bench, echoes, f"{APART}, cores kept awake", n, PAUSE)
        except MissingError as error:
            bench.missing("cores kept awake", str(error))
    _stages(bench, n)


def _reactions(bench: Bench, echoes: Mapping[str, EchoProcess], title: str, n: int, pause: float) -> None:
    takers = {name: partial(echo.sample, n, pause) for name, echo in echoes.items()}
    for name, found in turns.in_turn(bench, title, takers).items():
        _tell(bench, f"{title}, {name}", found, n)


def _tell(bench: Bench, title: str, samples: Sequence[Sample], n: int) -> None:
    rows = {
        (what, quantile): turns.row(
            f"{told}, p{quantile}", [getattr(sample, what)[place] for sample in samples], n
        )
        for place, quantile in enumerate((50, 99))
        for what, told in PARTS.items()
    }
    bench.found(against(f"{title}: an answer's target?", "event", rows["answer", 50], TARGET_NS, TOLD.answer))
    bench.found(turns.table(f"{title}: what stands beside it?", TOLD, list(rows.values())))


def _stages(bench: Bench, n: int) -> None:
    stages = Stages(n)
    samples = turns.in_turn(bench, "Stages", stages.takers())
    rows = [turns.row(name, [ns / n for ns in found], n) for name, found in samples.items()]
    bench.found(
        turns.table("Back to back, alone: what does each stage cost in a loop by itself?", TOLD, rows)
    )
