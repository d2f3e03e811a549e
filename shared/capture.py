"""Checkpoints of a runtime: what makes kill and restore change nothing."""

from __future__ import annotations

from typing import Any

import msgspec

from bus import checkpoint as checkpoints
from bus import codec
from bus.checkpoint import Checkpoint
from bus.cursors import Cursors
from bus.errors import CheckpointError
from bus.outbox import Outbox, Publication
from bus.records import START_OF_TIME
from bus.topics import Bus
from bus.transport import EntryId
from shared import state as states
from shared.instruments import Instrument, Instruments
from shared.runtime import Runtime


def capture(runtime: Runtime, outbox: Outbox, order: int = 0, heard_from: EntryId | None = None) -> bytes:
    """Checkpoint of a runtime between two steps.

    The outbox keeps events alone: a replay makes market records again, and live ones that a server lost are
    a gap.
    """
    engine, inputs = runtime.engine, runtime.inputs
    checkpoint = Checkpoint(
        format=checkpoints.FORMAT,
        engine=runtime.spec.name,
        state_version=engine.state_version,
        fingerprint=states.fingerprint(type(engine.state), engine.state_version),
        epoch=runtime.outputs.epoch,
        state=states.encode(engine.state),
        instruments=msgspec.msgpack.encode(engine.instruments.definitions()),
        output_sequence=runtime.outputs.sequence,
        watermark=runtime.watermark,
        now=runtime.now,
        cursors=inputs.handled(),
        watermarks=inputs.merge.watermarks(),
        positions=inputs.positions,
        heard_from=heard_from,
        waiting=[(delay, codec.encode(event)) for delay, event in inputs.merge.waiting_events()],
        outbox=[(kept.epoch, kept.sequence, bytes(kept.fields["e"])) for kept in _events(outbox)],
        run_ids=outbox.run_ids,
        order=order,
        timer=runtime.timer.fired if runtime.timer else START_OF_TIME,
        n_works=runtime.works.n_asked,
        works=msgspec.msgpack.encode(runtime.works.open),
        n_handled=runtime.n_handled,
        n_dead_letters=runtime.n_dead_letters,
        n_missing=runtime.n_missing,
    )
    return checkpoints.encode(checkpoint)


def restore(runtime: Runtime, data: bytes, outbox: Outbox, now: int) -> Checkpoint:
    """Put a fresh runtime where the checkpoint was taken; returns the checkpoint.

    Raises:
        CheckpointError: damaged, of another engine, or of a state that cannot be migrated.
    """
    checkpoint = checkpoints.decode(data, runtime.spec.name)
    engine, inputs = runtime.engine, runtime.inputs
    engine.state = _state(runtime, checkpoint)
    engine.instruments = Instruments()
    for row, instrument in enumerate(msgspec.msgpack.decode(checkpoint.instruments, type=list[Instrument])):
        engine.instruments.add(row, instrument)
    runtime.outputs.epoch = checkpoint.epoch
    runtime.outputs.sequence = checkpoint.output_sequence
    runtime.watermark = checkpoint.watermark
    runtime.now = checkpoint.now
    if runtime.timer is not None:
        runtime.timer.fired = checkpoint.timer
    runtime.restore_works(checkpoint.n_works, checkpoint.works)
    runtime.n_handled = checkpoint.n_handled
    runtime.n_dead_letters = checkpoint.n_dead_letters
    runtime.n_missing = checkpoint.n_missing
    inputs.cursors = Cursors(checkpoint.cursors)
    inputs.positions = dict(checkpoint.positions)
    for source, watermark in checkpoint.watermarks.items():
        inputs.merge.advance(source, watermark)
    for delay, event in checkpoint.waiting:
        inputs.wait(event, delay)
    outbox.run_ids = dict(checkpoint.run_ids)
    for epoch, sequence, event in checkpoint.outbox:
        outbox.add(Publication(Bus.ENGINE_LOGIC, {"e": event}, epoch, sequence), now)
    return checkpoint


def _events(outbox: Outbox) -> list[Publication]:
    return [kept for kept in outbox.kept() if kept.bus is Bus.ENGINE_LOGIC]


def _state(runtime: Runtime, checkpoint: Checkpoint) -> Any:
    engine = runtime.engine
    kind = type(engine.state)
    here = states.fingerprint(kind, engine.state_version)
    try:
        if checkpoint.state_version != engine.state_version:
            content = engine.migrate(checkpoint.state_version, states.plain(checkpoint.state))
            return states.from_plain(content, kind)
        if checkpoint.fingerprint == here:
            return states.decode(checkpoint.state, kind)
    except (LookupError, msgspec.MsgspecError) as error:
        message = (
            f"Expected a state of `{runtime.spec.name}` in version {engine.state_version}, got version "
            f"{checkpoint.state_version} that cannot be migrated ({error}); start with a reset"
        )
        raise CheckpointError(message) from error
    message = (
        f"Expected a state of `{runtime.spec.name}` with fingerprint {here}, got {checkpoint.fingerprint}; "
        "start with a reset"
    )
    raise CheckpointError(message)
