"""A change is kept when all works again, and else is as if it had never been asked for."""

import asyncio
import errno
import os
import threading

import pytest

from gateway import disk
from gateway.errors import SettingsError, Unavailable, UsageError
from gateway.event import Trust
from gateway.faults import FaultLog
from gateway.reconfigure.fallback import settings_in_force
from gateway.reconfigure.history import RECORDS_MAX, TEXTS_MAX
from gateway.reconfigure.lifecycle import OUTCOMES_MAX
from gateway.reconfigure.records import ChangeTrial, digest_of
from gateway.toml import Phrase
from tests.reconfigure.harness import COLD, FIRST, SECOND, Desk, change
from tests.sim.clock import SimulatedClock
from tests.sim.loop import simulated

SICK = Phrase("appliance.bus-lost", {"bus": "box"})


@pytest.fixture
def clock():
    clock = SimulatedClock()
    clock.kernel.hold()
    return clock


@pytest.fixture
def desk(tmp_path, clock):
    return Desk(tmp_path, clock)


@simulated
async def test_a_change_that_works_is_kept_and_written_down(desk, clock):
    await desk.start()
    clock.learn(Trust.NTP, clock.kernel.realtime_ns(), 1_000_000)
    outcome = await desk.cycle.apply(change(SECOND, ref="command-1"))
    assert (outcome.state, outcome.number) == ("kept", 2)
    assert desk.file.read_text("utf-8") == SECOND
    assert desk.shelf.trial() is None
    first, second = desk.told
    assert (first.state, first.who) == ("found", "system:console")
    assert (second.who, second.why, second.ref) == ("installer:boss", "试一试", "command-1")
    assert second.at is not None
    assert second.trust is Trust.NTP, "when, by which clock"
    assert await desk.cycle.outcome("command-1") == outcome
    assert desk.cycle.running == SECOND.encode()


@simulated
async def test_a_device_that_takes_its_time_is_waited_for(desk):
    await desk.start()
    desk.live.healthy_after = 40
    began_s = asyncio.get_running_loop().time()
    assert (await desk.cycle.apply(change(SECOND))).state == "kept"
    assert asyncio.get_running_loop().time() - began_s == pytest.approx(10, abs=0.5)


@simulated
async def test_what_does_not_work_is_rolled_back_and_said(desk):
    await desk.start()
    desk.live.sick = (SICK,)
    outcome = await desk.cycle.apply(change(SECOND))
    assert (outcome.state, outcome.troubles) == ("rolled-back", (SICK,))
    assert desk.file.read_text("utf-8") == FIRST
    assert desk.live.settings.devices["m1"].options.name == "表1", "the running station went back"
    assert desk.told[-1].troubles == (SICK,)
    assert desk.cycle.running == FIRST.encode()
    assert desk.live.restarts == 0


@simulated
async def test_settings_that_a_room_refuses_are_rolled_back(desk):
    await desk.start()
    desk.live.fails = [UsageError("bus.no-point", device="m1", point="x")]
    outcome = await desk.cycle.apply(change(SECOND))
    assert outcome.state == "rolled-back"
    assert outcome.troubles[0].code == "bus.no-point"
    assert desk.file.read_text("utf-8") == FIRST


@simulated
async def test_when_even_the_former_ones_fail_a_fresh_process_takes_over(desk):
    await desk.start()
    desk.live.fails = [ValueError("new"), ValueError("old")]
    assert (await desk.cycle.apply(change(SECOND))).state == "rolled-back"
    assert desk.live.restarts == 1
    assert desk.file.read_text("utf-8") == FIRST


@simulated
async def test_every_mistake_is_told_at_once_and_nothing_is_touched(desk):
    await desk.start()
    # of a slip in a key its own line is told, not that the section lacks the right one
    wrong = FIRST.replace("modbus-tcp", "modbus-tpc").replace("address", "adress")
    with pytest.raises(SettingsError) as refused:
        await desk.cycle.apply(change(wrong))
    assert {mistake.line for mistake in refused.value.data["mistakes"]} == {6, 12}
    assert desk.file.read_text("utf-8") == FIRST
    assert desk.states() == ["found"]
    assert desk.live.taken == []


@pytest.mark.parametrize("text", ["", "schema = 1", "\x00", "x" * 600_000, "[" * 5000, "＊＊＊"])
@simulated
async def test_garbage_is_a_list_of_mistakes(desk, text):
    await desk.start()
    with pytest.raises(SettingsError) as refused:
        await desk.cycle.apply(change(text))
    assert refused.value.data["mistakes"]


@simulated
async def test_the_id_of_the_station_stays(desk):
    await desk.start()
    with pytest.raises(SettingsError) as refused:
        await desk.cycle.apply(change(FIRST.replace("under-test", "another")))
    (mistake,) = refused.value.data["mistakes"]
    assert (mistake.code, mistake.line) == ("appliance.other-station", 3)


@simulated
async def test_two_at_once_one_is_told_to_wait(desk):
    await desk.start()
    desk.live.healthy_after = 8
    first = asyncio.create_task(desk.cycle.apply(change(SECOND)))
    await asyncio.sleep(0)
    with pytest.raises(Unavailable, match="busy"):
        await desk.cycle.apply(change(COLD))
    assert (await first).state == "kept"
    assert (await desk.cycle.apply(change(FIRST))).state == "kept", "and then it is free again"


@simulated
async def test_it_goes_on_when_whoever_asked_goes_away(desk):
    await desk.start()
    desk.live.healthy_after = 8
    asking = asyncio.create_task(desk.cycle.apply(change(SECOND)))
    await asyncio.sleep(1)
    asking.cancel()
    await asyncio.sleep(5)
    assert desk.states() == ["found", "kept"]


@simulated
async def test_a_change_made_from_other_settings_is_refused(desk):
    await desk.start()
    base = digest_of(FIRST.encode())
    await desk.cycle.apply(change(SECOND, base=base))
    with pytest.raises(UsageError, match="other-base"):
        await desk.cycle.apply(change(COLD, base=base))


@simulated
async def test_the_same_again_changes_nothing(desk):
    await desk.start()
    assert (await desk.cycle.apply(change(FIRST))).state == "unchanged"
    assert desk.states() == ["found"]


@simulated
async def test_a_file_edited_beside_the_running_station_is_taken_up_and_not_overwritten(desk):
    await desk.start()
    desk.file.write_text(SECOND, "utf-8")
    with pytest.raises(UsageError, match="edited"):
        await desk.cycle.apply(change(COLD))
    assert desk.file.read_text("utf-8") == SECOND
    assert (await desk.cycle.apply(change(SECOND))).state == "kept"


@simulated
async def test_an_edit_while_it_did_not_run_is_noted_once(tmp_path, desk, clock):
    await desk.start()
    desk.end()
    desk.file.write_text(SECOND, "utf-8")
    for _ in range(2):
        again = await Desk(tmp_path, clock).start()
        assert again.states() == ["found", "found"]
        again.end()


@simulated
async def test_a_cold_change_is_looked_after_by_the_next_process(tmp_path, desk, clock):
    await desk.start()
    outcome = await desk.cycle.apply(change(COLD, ref="command-9"))
    assert outcome.state == "restarting"
    with pytest.raises(Unavailable, match="busy"):
        await desk.cycle.apply(change(FIRST))
    await asyncio.sleep(2)
    assert desk.live.restarts == 1
    desk.end()
    again = await Desk(tmp_path, clock).start()
    assert (await again.cycle.outcome("command-9")).state == "kept"
    assert again.file.read_text("utf-8") == COLD
    assert again.states() == ["found", "kept"]


@simulated
async def test_a_cold_change_that_ails_goes_back_by_another_restart(tmp_path, desk, clock):
    await desk.start()
    await desk.cycle.apply(change(COLD, ref="command-9"))
    desk.end()
    again = Desk(tmp_path, clock)
    again.live.sick = (SICK,)
    await again.start()
    assert (await again.cycle.outcome("command-9")).state == "rolled-back"
    assert again.live.restarts == 1
    assert again.file.read_text("utf-8") == FIRST


@simulated
async def test_a_start_that_fails_puts_the_former_ones_back(tmp_path, desk, clock):
    await desk.start()
    await desk.cycle.apply(change(COLD))
    desk.end()
    again = Desk(tmp_path, clock)
    assert again.begun.revert(Unavailable("web.port-held", port=80), clock)
    assert again.file.read_text("utf-8") == FIRST
    assert again.shelf.records()[-1].troubles[0].code == "web.port-held"
    again.end()
    third = Desk(tmp_path, clock)
    assert third.begun.trial is None
    assert not third.begun.revert(Unavailable("web.port-held", port=80), clock), "not its fault"


class SlowSyncs:
    """Syncs that return only when the disk is `ready`, later than a start waits."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._go_on, sync = threading.Event(), os.fsync
        monkeypatch.setattr(disk, "WITHIN_S", 0.05)
        monkeypatch.setattr(
            os, "fsync", lambda descriptor: self._go_on.wait(30) and sync(descriptor)
        )

    def ready(self) -> None:
        self._go_on.set()
        for thread in disk._late:
            thread.join()


@pytest.fixture
def slow_syncs(monkeypatch):
    made = []

    def begin() -> SlowSyncs:
        made.append(SlowSyncs(monkeypatch))
        return made[-1]

    yield begin
    for each in made:
        each.ready()


@simulated
async def test_a_trial_that_is_slow_to_note_is_looked_after(tmp_path, desk, clock, slow_syncs):
    """What notes that it has started goes on: the next start, weeks later, would roll it back."""
    await desk.start()
    await desk.cycle.apply(change(COLD, ref="command-9"))
    desk.end()
    slow = slow_syncs()
    again = Desk(tmp_path, clock)
    slow.ready()
    await again.start()
    assert (await again.cycle.outcome("command-9")).state == "kept"
    again.end()
    assert (await Desk(tmp_path, clock).start()).states() == ["found", "kept"]


@simulated
async def test_a_trial_that_is_slow_to_put_back_is_not_run_on(tmp_path, desk, clock, slow_syncs):
    await desk.start()
    digest, former = digest_of(SECOND.encode()), digest_of(FIRST.encode())
    desk.shelf.begin(
        ChangeTrial(2, digest, former, "installer:boss"), SECOND.encode(), FIRST.encode()
    )
    desk.end()
    slow, faults = slow_syncs(), FaultLog(clock.now_ns)
    begun = Desk(tmp_path, clock).begun
    assert begun.trial is None
    assert settings_in_force(begun.shelf, faults.count, text=begun.text).text == FIRST.encode()
    slow.ready()
    assert begun.shelf.text() == FIRST.encode()


@simulated
async def test_a_start_that_fails_does_not_wait_for_the_disk(tmp_path, desk, clock, slow_syncs):
    await desk.start()
    await desk.cycle.apply(change(COLD))
    desk.end()
    again = Desk(tmp_path, clock)
    slow = slow_syncs()
    assert again.begun.revert(Unavailable("web.port-held", port=80), clock)
    assert again.file.read_text("utf-8") == COLD, "not yet"
    slow.ready()
    again.end()
    assert Desk(tmp_path, clock).file.read_text("utf-8") == FIRST


@simulated
async def test_undo_goes_back_and_forth_over_a_restart(tmp_path, desk, clock):
    await desk.start()
    with pytest.raises(UsageError, match="nothing-before"):
        await desk.cycle.undo("installer:boss", "无")
    await desk.cycle.apply(change(SECOND))
    desk.end()
    again = await Desk(tmp_path, clock).start()
    assert (await again.cycle.undo("installer:boss", "退")).number == 3
    assert again.file.read_text("utf-8") == FIRST
    await again.cycle.undo("installer:boss", "又要")
    assert again.file.read_text("utf-8") == SECOND
    assert (await again.cycle.undo("installer:boss", "退到一", 1)).state == "kept"
    with pytest.raises(UsageError, match="no-text"):
        await again.cycle.undo("installer:boss", "没有", 99)


@simulated
async def test_a_disk_that_refuses_leaves_everything_as_it_was(desk, monkeypatch):
    await desk.start()

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(Unavailable, match="no-room"):
            await desk.cycle.apply(change(SECOND))
    assert desk.file.read_text("utf-8") == FIRST
    assert desk.live.taken == []
    assert (await desk.cycle.apply(change(SECOND))).state == "kept"


@simulated
async def test_what_cannot_be_written_down_is_not_kept(desk, monkeypatch):
    """After a power cut nobody would know that it was vouched for."""
    await desk.start()
    end, refused = desk.shelf.end, []

    def once(record):
        if not refused:
            refused.append(record)
            raise OSError(errno.ENOSPC, "No space left on device")
        return end(record)

    monkeypatch.setattr(desk.shelf, "end", once)
    outcome = await desk.cycle.apply(change(SECOND))
    assert (outcome.state, outcome.troubles[0].code) == ("rolled-back", "appliance.no-room")
    assert desk.file.read_text("utf-8") == FIRST


@simulated
async def test_the_history_and_its_texts_are_bounded(tmp_path, desk):
    await desk.start()
    for turn in range(RECORDS_MAX + 10):
        await desk.cycle.apply(change(FIRST.replace("表1", f"表{turn}"), ref=f"c{turn}"))
    records = desk.shelf.records()
    assert len(records) == RECORDS_MAX
    assert len(list((tmp_path / "state" / "settings").glob("*.toml"))) == TEXTS_MAX
    assert len(desk.cycle._refs) == OUTCOMES_MAX
    assert records[-1].number == RECORDS_MAX + 11


@simulated
async def test_ten_changes_that_fail_do_not_cost_the_text_in_force(desk):
    await desk.start()
    desk.live.sick = (SICK,)
    for turn in range(TEXTS_MAX + 2):
        await desk.cycle.apply(change(FIRST.replace("表1", f"表{turn}")))
    assert desk.shelf.text_named(digest_of(FIRST.encode())) == FIRST.encode()


@simulated
async def test_an_unknown_command_is_told_that_it_was_interrupted(desk):
    await desk.start()
    with pytest.raises(Unavailable, match="interrupted"):
        await desk.cycle.outcome("never-heard")
