"""Polls for commands, decides, acts, reports.

    polled ─► parsed ─► ours? in time? signed? new? ─► accepted ─► acted ─► done | sent | failed
                 └────────────┴── turned away: answered, never recorded

A command that is not proved to come from the platform is never recorded: a forged one must not
occupy the id of a real one. Record, then act: the acceptance is on disk before anything happens,
so that a command is carried out at most once, whatever is killed when. Only a kind with another
guarantee (`ExecutionGuarantee.AT_LEAST_ONCE`, emergency sound) acts while it is recorded, and goes
before the others of the same answer. A kill may therefore leave a later command on disk and an
earlier one not: after a start the platform sends everything again that it has not seen end.

Where nothing can be recorded (a full disk) an emergency sounds all the same; any other command is
neither carried out nor answered, and is polled for again.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial

from gateway.clock import Clock
from gateway.errors import CommandRefused, DeliveryRejected, JournalError
from gateway.faults import OnFault, log_fault
from gateway.journal import StateChange, load_state
from gateway.journal.ports import ReadAppender
from gateway.upstream.inbox import command as c
from gateway.upstream.inbox.admission import CommandAdmission
from gateway.upstream.inbox.cancel import cancel_command
from gateway.upstream.inbox.command import (
    CommandKind,
    CommandState,
    ExecutionGuarantee,
    Mandate,
    PlatformCommand,
)
from gateway.upstream.inbox.command_keys import CommandKeys
from gateway.upstream.inbox.command_poll import CommandPoll
from gateway.upstream.inbox.command_receipts import (
    UNSTORED_S,
    CommandReceipts,
    advance_record,
    refusal_receipt,
)
from gateway.upstream.inbox.command_store import (
    ASKED,
    SIGNED,
    URGENT,
    CommandRecord,
    CommandStore,
    decode_mark,
    decode_record,
    state_rooms,
)
from gateway.upstream.inbox.execution import (
    EXPIRED,
    CommandOutcome,
    CommandResult,
    CommandWork,
    final_outcome,
)
from gateway.upstream.inbox.executor import CommandExecutor
from gateway.upstream.inbox.repeats import RepeatedCommands
from gateway.upstream.inbox.siblings import SiblingInboxes
from gateway.upstream.uplinks.contract import PollAnswer, Uplink

# Accepted commands that may wait, two full answers of a platform; further ones are refused.
OPEN_MAX = 64

_log = logging.getLogger(__name__)


class Inbox:
    """Receives and decides the commands of one platform."""

    def __init__(
        self,
        name: str,
        journal: ReadAppender,
        clock: Clock,
        *,
        station: str,
        kinds: Iterable[CommandKind],
        keys: CommandKeys,
        on_fault: OnFault = log_fault,
    ) -> None:
        """`on_fault` gets the unforeseen exceptions that ended a command."""
        self.on_return: Callable[[], None] = lambda: None
        self._name = name
        self._journal = journal
        self._clock = clock
        self.siblings = SiblingInboxes(keys, self.cancel)
        self._kinds = {kind.name: kind for kind in (*kinds, cancel_command(self.siblings.cancel))}
        self._keys = keys
        self._judge = CommandAdmission(name, clock, keys, station=station, kinds=self._kinds)
        self._on_fault = on_fault
        self._take_up(CommandStore(name, {}, {}))
        self._poll: CommandPoll | None = None
        self._executor = CommandExecutor(name, clock, self._kinds, self._end, on_fault)
        self._repeats = RepeatedCommands()

    def prepare(self) -> None:
        """Load what the first command needs; takes a moment, so call it in a thread."""
        self._keys.prepare()

    async def load(self) -> None:
        """Load the stored state."""
        fates, marks = state_rooms(self._name)
        written = {*await self._journal.load(fates), *await self._journal.load(marks)}
        state = await load_state(self._journal, fates, decode_record)
        known = await load_state(self._journal, marks, decode_mark)
        lost = written - state.keys() - known.keys()
        self._take_up(CommandStore(self._name, state, known, lost))
        self._executor.clear()
        self.siblings.loaded.set()

    async def run(self, uplink: Uplink, rng: random.Random) -> None:
        """Poll until cancelled, after `load`; `on_return` is called when the platform is back."""
        self._poll = poll = CommandPoll(uplink, rng, self._returned)
        async with asyncio.TaskGroup() as acting:
            await self.resume(acting)
            await self.siblings.wait_loaded()
            while True:
                try:
                    await self._round(poll, acting)
                except Exception as error:  # noqa: BLE001  # what is acted on goes on
                    self._on_fault(self._where, error)
                    await asyncio.sleep(UNSTORED_S)

    def _returned(self) -> None:
        self.on_return()

    def on_reconnected(self) -> None:
        """Another part of the uplink reached the platform after a failure: poll at once."""
        if self._poll is not None:
            self._poll.on_reconnected()

    async def resume(self, acting: asyncio.TaskGroup) -> None:
        """Continue what a killed process left half-way, each as its kind guarantees."""
        for name, kept in self._memory.open():
            self._executor.begin(acting, name, kept.kind, self._executor.resume(name, kept))

    async def handle_command(self, raw: bytes, acting: asyncio.TaskGroup) -> CommandResult:
        """Answer one command and begin it; an error costs this command alone."""
        try:
            try:
                return await self._take(raw, acting)
            except CommandRefused as refusal:
                return await self._turn_away(refusal)
            except JournalError:
                raise
            except Exception as error:  # noqa: BLE001  # the edge of one command
                return await self._turn_away(self._given_up(error, c.read_id(raw)))
        except JournalError as error:
            _log.error("a command of %s could not be recorded: %s", self._name, error)
            return CommandResult(news=False, stored=False, id=c.read_id(raw) or "")
        except Exception as error:  # noqa: BLE001  # not even the refusal can be told
            self._on_fault(self._where, error)
            return CommandResult(news=False)

    def cancel(self, command_id: str) -> CommandState | None:
        """As `SiblingInboxes.cancel`, for a command that this inbox accepted."""
        kept = self._memory.get(command_id)
        if kept is None or not self._executor.is_running(command_id):
            # An open command that does not run yet is about to begin or to resume.
            return None if kept is None or not kept.ended else kept.state
        self._executor.cancel(command_id, self._kinds[kept.kind])
        return CommandState.ACCEPTED

    @property
    def _where(self) -> str:
        return f"inbox.{self._name}"

    def _take_up(self, memory: CommandStore) -> None:
        self._memory = self.siblings.memory = memory
        self._answers = CommandReceipts(
            self._journal, self._clock, memory, self._where, self._on_fault
        )

    async def _round(self, poll: CommandPoll, acting: asyncio.TaskGroup) -> None:
        """One poll and its commands; the position moves by what is on disk."""
        try:
            handed = await poll.next_commands(self._memory.since)
        except DeliveryRejected:
            self._memory.move("")  # the platform no longer knows the cursor
            return
        urgent = [raw for raw in handed.commands if self._judge.is_urgent(raw)]
        others = [raw for raw in handed.commands if raw not in urgent]
        answers: list[CommandResult] = []
        for some in (urgent, others):  # in one commit each, so that a long queue moves on
            answers += await asyncio.gather(*(self.handle_command(raw, acting) for raw in some))
        self._move_on(handed, answers)
        if not all(answer.stored for answer in answers):
            await asyncio.sleep(UNSTORED_S)
        elif answers and not any(answer.news for answer in answers):
            await poll.wait_after_repeats(sum(map(len, handed.commands)))

    def _move_on(self, handed: PollAnswer, answers: Sequence[CommandResult]) -> None:
        unstored = [answer.id for answer in answers if not answer.stored]
        for answer in answers:
            if answer.passes and not any(name <= answer.passes for name in unstored):
                self._memory.pass_over(answer.passes)
        if not unstored and (answers or handed.cursor):
            self._memory.move(handed.cursor)

    async def _answer_again(
        self, command_id: str, answering: Callable[[], Awaitable[None]]
    ) -> None:
        """Answer a repetition, unless it was answered lately."""
        with self._repeats.answer_turn(command_id, asyncio.get_running_loop().time()) as due:
            if due:
                await answering()

    async def _take(self, raw: bytes, acting: asyncio.TaskGroup) -> CommandResult:
        command = c.parse_command(raw)
        news = not self._repeats.knows(command.id)
        kept = self._memory.get(command.id)
        urgent = self._judge.is_urgent(raw)
        if kept is not None and kept.lost and urgent:
            kept = None  # an emergency better twice than never
        fresh = kept is None and not self._executor.is_running(command.id)
        if fresh:
            self._judge.authenticate(command, raw)
            kept = self.siblings.find_record(command.id, self._issuer(command), urgent=urgent)
        if fresh and kept is None:
            await self._decide(command, acting)
            self._repeats.note_answered(command.id)
        elif kept is not None and kept.state is not None:  # else its answer is on its way
            await self._answer_again(
                command.id, partial(self._answers.repeat_receipt, command.id, kept)
            )
        passes = command.id
        if command.kind in c.UNSIGNED_KINDS:
            passes = self._judge.at_most_now(command.id)
        return CommandResult(news, id=command.id, passes=passes)

    def _issuer(self, command: PlatformCommand) -> str:
        return self.siblings.issuer(self._kinds[command.kind])

    async def _decide(self, command: PlatformCommand, acting: asyncio.TaskGroup) -> None:
        """Accept and begin, or refuse; JournalError if it could not be recorded."""
        deadline = self._judge.deadline(command)
        work, refusal = self._judge.judge_command(command, deadline)
        unsaid = ASKED if command.kind in c.UNSIGNED_KINDS else SIGNED
        shelf = unsaid if work is None else work.shelf
        issuer = self._issuer(command)
        fresh = CommandRecord(
            None, deadline, shelf=shelf, until_ns=command.expires_ns, issuer=issuer
        )
        if refusal is None and shelf != URGENT and len(self._memory.open(shelf)) >= OPEN_MAX:
            refusal = CommandRefused(c.BUSY)
        if refusal is not None:
            await self._refuse(command, fresh, work, refusal)
            return
        assert work is not None, "what is not refused can be carried out"
        self._memory.check(command, shelf)
        self.siblings.check(command, shelf, issuer)
        changes = self._memory.make_room(self._clock, command.id, shelf)
        await self._accept(command, fresh, work, changes, acting)

    async def _refuse(
        self,
        command: PlatformCommand,
        fresh: CommandRecord,
        work: CommandWork | None,
        refusal: CommandRefused,
    ) -> None:
        """Answer a genuine command that is not carried out; recorded while there is room."""
        ended: CommandOutcome = (CommandState.REFUSED, refusal.code, None)
        try:
            changes = self._memory.make_room(self._clock, command.id, fresh.shelf)
        except CommandRefused as full:
            raise refusal_receipt(refusal, command.id) from full
        if refusal.code == c.EXPIRED:
            ended = EXPIRED
            if work is not None:
                ended = await self._late(command.id, fresh, work)
        await self._answers.record(command.id, advance_record(fresh, ended), changes)

    async def _late(
        self, command_id: str, fresh: CommandRecord, work: CommandWork
    ) -> CommandOutcome:
        self._memory.keep(command_id, fresh)  # it may come again meanwhile
        try:
            return await final_outcome(work, Mandate(command_id, fresh.deadline))
        except BaseException:  # its outcome is unknown
            self._memory.drop(command_id)
            raise

    async def _accept(
        self,
        command: PlatformCommand,
        fresh: CommandRecord,
        work: CommandWork,
        changes: Sequence[StateChange],
        acting: asyncio.TaskGroup,
    ) -> None:
        """Record it, then begin; an emergency begins at once, even if it cannot be recorded."""
        accepted = advance_record(
            fresh, (CommandState.ACCEPTED, None, None), kind=command.kind, data=work.raw
        )
        recorded = asyncio.Event()
        doing = self._executor.execute(command.id, accepted, work, work.kind.act, after=recorded)
        if work.promise is ExecutionGuarantee.AT_LEAST_ONCE:
            self._memory.keep(command.id, accepted)
            self._executor.begin(acting, command.id, work.kind.name, doing)
            try:
                await self._answers.append(command.id, accepted, changes)
            finally:
                recorded.set()
            return
        try:
            await self._answers.record(command.id, accepted, changes)
        except BaseException:  # without a record it is never begun
            doing.close()
            raise
        recorded.set()
        self._executor.begin(acting, command.id, work.kind.name, doing)

    async def _end(self, command_id: str, ended: CommandRecord) -> None:
        await self._answers.end_command(command_id, ended)

    def _given_up(self, error: Exception, command_id: str | None) -> CommandRefused:
        self._on_fault(self._where, error)
        return CommandRefused(c.FAULT, what=type(error).__name__, of=command_id)

    async def _turn_away(self, refusal: CommandRefused) -> CommandResult:
        """Refuse a command without recording it."""
        command_id = refusal.data.get("of")
        if command_id is None:
            _log.warning("a command that cannot be answered: %s", refusal)
            return CommandResult(news=False)
        news = not self._repeats.knows(command_id)
        saying_no = partial(self._answers.refuse_command, command_id, refusal)
        await self._answer_again(command_id, saying_no)
        known = refusal.code != c.AHEAD and self._judge.stamps().wall_ns is not None
        passes = self._judge.at_most_now(command_id) if known else ""
        return CommandResult(news, id=command_id, passes=passes)
