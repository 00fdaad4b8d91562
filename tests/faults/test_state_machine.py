"""Journal and checkpoints, driven against a plain model through failing calls, kills and power cuts."""

import asyncio
import os
import random
import shutil
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from logweir_service.errors import OperatorError, Refusal
from logweir_service.pipeline import Delivery
from tests.faults.in_process import in_process, requests_counted, stored
from tests.faults.ledger import Ledger
from tests.faults.model import SenderModel, unnumbered
from tests.faults.mortal_disk import MortalDisk
from tests.faults.power_cut import cut_power
from tests.service.pipeline.living import page

STREAMS = 2
RETENTION_BYTES = 6000

kinds = st.lists(st.sampled_from(["event", "event", "event", "bad", "lost"]), min_size=1, max_size=4)
streams = st.integers(0, STREAMS - 1)


class Machine(RuleBasedStateMachine):
    """A service that is asked, broken and started again, and what it must know."""

    def __init__(self):
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="machine-"))
        self.loop = asyncio.new_event_loop()
        self.stack: AsyncExitStack | None = None
        self.senders = [SenderModel.named(index) for index in range(STREAMS)]
        self.ids = 0
        self.told = set()
        self.in_doubt = set()
        self.removed = set()

    @initialize()
    def begin(self):
        self.start(MortalDisk(Ledger(self.folder / "ledger")))

    def start(self, disk):
        """Start on what is there; whatever was broken is well again."""
        self.disk = disk
        self.stack = AsyncExitStack()
        service = in_process(self.folder, disk, retention_bytes=RETENTION_BYTES, checkpoint_seconds=1e6)
        self.pipeline = self.loop.run_until_complete(self.stack.enter_async_context(service))
        found = stored(self.folder).keys
        self.told |= self.in_doubt & found
        self.in_doubt -= found

    def stop(self):
        """Leave the service; it may find that it is dead."""
        assert self.stack is not None
        self.loop.run_until_complete(self.stack.aclose())
        self.stack = None

    def teardown(self):
        if self.stack is not None:
            self.stop()
        self.loop.close()
        shutil.rmtree(self.folder)

    def deliver(self, body):
        """Whether the service took a body; nothing of one that it refused is there, unless it broke."""
        known = self.told & {*body.keys}
        try:
            receipt = self.loop.run_until_complete(
                self.pipeline.submit(Delivery(body.text, body.stream, body.seq))
            )
        except Refusal as refusal:
            if refusal.status != 503:
                raise
            if not self.is_well:
                self.in_doubt |= {*body.keys} - self.told
            return False
        self.told |= {*body.keys}
        self.in_doubt -= self.told
        assert receipt.accepted == len({*body.keys}) - len(known)
        assert (
            receipt.accepted + receipt.duplicate + len(receipt.rejections) == len(body.keys) + body.rejected
        )
        assert receipt.next_seq == body.next_seq
        return True

    @property
    def is_well(self):
        return self.pipeline.broken is None and not self.disk.is_dead

    @rule(
        index=streams,
        lines=kinds,
        back=st.integers(0, 6),
        end=st.sampled_from(["well", "well", "refused", "dead"]),
        calls=st.integers(1, 3),
    )
    def sends_on_cut_anew(self, index, lines, back, end, calls):
        """New lines, behind those that were refused before, and before them some that are known."""
        sender = self.senders[index]
        self.disk.fails_in = calls if end == "refused" else 0
        self.disk.dies_in = calls if end == "dead" else 0
        sender.write(lines)
        taken = self.deliver(sender.body(back))
        if not taken and self.is_well:
            self.disk.fails_in = self.disk.dies_in = 0
            taken = self.deliver(sender.body(back))
            assert taken, "refused, and then refused again"
        if taken:
            sender.acknowledged = len(sender.items)

    @rule(index=streams, back=st.integers(1, 6))
    def sends_again(self, index, back):
        sender = self.senders[index]
        if sender.acknowledged == len(sender.items) > 0:
            self.deliver(sender.body(back))

    @rule(index=streams, hole=st.integers(1, 4))
    def leaves_a_hole(self, index, hole):
        sender = self.senders[index]
        if sender.acknowledged == len(sender.items):
            sender.items.clear()
            sender.acknowledged = 0
            sender.number += hole

    @rule(known=st.integers(0, 5), new=st.integers(1, 3), twice=st.booleans())
    def sends_without_a_stream(self, known, new, twice):
        numbers = [*range(max(self.ids - known, 0), self.ids + new)]
        if self.deliver(unnumbered([*numbers, numbers[0]] if twice else numbers)):
            self.ids += new

    @rule(calls=st.integers(1, 12))
    def will_fail(self, calls):
        self.disk.fails_in = calls

    @precondition(lambda self: self.is_well)
    @rule()
    def saves(self):
        try:
            self.pipeline.saving.now(self.pipeline.numbers)
        except OSError:
            assert self.disk.fails_in == 0

    @precondition(lambda self: self.is_well)
    @rule()
    def tidies(self):
        before = stored(self.folder).keys
        try:
            self.pipeline.keeper.tidy()
        except OSError:
            assert self.disk.fails_in == 0
        self.removed |= before - stored(self.folder).keys

    @rule()
    def stops_well(self):
        self.disk.fails_in = 0
        self.stop()
        self.start(MortalDisk(Ledger(self.folder / "ledger")))

    @rule(fails_in=st.integers(0, 12))
    def is_killed(self, fails_in):
        """And started again, perhaps twice: the first start may fail, and dies of it."""
        self.disk.is_dead = True
        self.stop()
        disk = MortalDisk(Ledger(self.folder / "ledger"))
        disk.fails_in = fails_in
        try:
            self.start(disk)
        except (OperatorError, OSError):
            assert fails_in
            self.start(MortalDisk(Ledger(self.folder / "ledger")))

    @rule(seed=st.integers(0, 1 << 30))
    def loses_power(self, seed):
        self.disk.is_dead = True
        self.stop()
        cut_power(self.folder / "ledger", random.Random(seed))
        self.start(MortalDisk(Ledger(self.folder / "ledger")))

    @invariant()
    def what_was_told_is_stored_once_and_counted_once(self):
        if self.stack is None or not self.is_well:
            return
        found = stored(self.folder)
        assert found.doubled == found.unreadable == []
        assert found.keys <= self.told
        assert self.told - self.removed <= found.keys
        assert requests_counted(self.pipeline) == len(self.told)
        assert b"logweir_journal_damaged_segments_total 0.0" in page(self.pipeline)


@pytest.mark.fault(1, 3, 4, 6, 8, 18, 19)
@pytest.mark.timeout(1800)
def test_service_knows_what_the_model_knows_through_failures_kills_and_power_cuts():
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=int(os.environ.get("EXAMPLES", "25")),
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )
