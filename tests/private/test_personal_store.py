"""Personal fields are in no file that anybody can read, and gone when they are gone."""

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import JournalDamaged, JournalFailed, JournalFull, UsageError
from gateway.event import Trust
from gateway.journal import personal_store
from gateway.journal.personal_store import BYTES_MAX, TTL_S_MAX, PersonalStore
from tests.sim.clock import DAY_S, SimulatedClock

PHONE = "13800138000"
FIELDS = {
    "phone": PHONE,
    "name": "王秀兰",
    "flat": "3号楼2单元1502",
    "systolic": 138,
    "fever": False,
}


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock()


@pytest.fixture
def store(tmp_path: Path, clock: SimulatedClock) -> Iterator[PersonalStore]:
    store = PersonalStore.open(tmp_path, tmp_path / "keys", clock)
    yield store
    store.close()


def reopened(store: PersonalStore, folder: Path, clock: SimulatedClock) -> PersonalStore:
    store.close()
    return PersonalStore.open(folder, folder / "keys", clock)


def on_disk(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.glob("private.db*")))


def box_of(folder: Path, store: PersonalStore, token: str) -> bytes:
    (box,) = store._db.execute("SELECT box FROM person WHERE token = ?", (token,)).fetchone()
    return bytes(box)


def test_fields_come_back_by_their_token_and_after_a_restart(
    store: PersonalStore, tmp_path: Path, clock: SimulatedClock
) -> None:
    token = store.put(FIELDS, DAY_S)
    assert store.get(token) == FIELDS
    assert store.put(FIELDS, DAY_S) != token
    again = reopened(store, tmp_path, clock)
    assert again.get(token) == FIELDS
    assert len(again) == 2
    assert again.get("0" * 32) is None
    again.close()


def test_nothing_personal_stands_in_any_file(store: PersonalStore, tmp_path: Path) -> None:
    for _ in range(50):
        store.put(FIELDS, DAY_S)
    raw = on_disk(tmp_path)
    assert len(raw) > 50 * 100
    for value in (PHONE, "王秀兰", "2单元1502", "phone", "systolic"):
        assert value.encode() not in raw
        assert value.encode("utf-16-le") not in raw


def test_files_are_their_owners_alone(store: PersonalStore, tmp_path: Path) -> None:
    store.put(FIELDS, DAY_S)
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.glob("private.db*")}
    assert modes == {"private.db": 0o600, "private.db-wal": 0o600}
    assert (tmp_path / "keys/private.key").stat().st_mode & 0o777 == 0o600


def test_what_is_erased_leaves_no_byte_in_file_or_log(store: PersonalStore, tmp_path: Path) -> None:
    kept = [store.put({"n": n}, DAY_S) for n in range(30)]
    token = store.put(FIELDS, DAY_S)
    box = box_of(tmp_path, store, token)
    pieces = [box[i : i + 16] for i in range(0, len(box) - 16, 16)]
    assert all(piece in on_disk(tmp_path) for piece in pieces)  # it can be found while it is there
    assert store.erase(token)
    raw = on_disk(tmp_path)
    assert not any(piece in raw for piece in pieces)
    assert token.encode() not in raw
    assert store.get(token) is None
    assert not store.erase(token)
    assert [store.get(one) for one in kept] == [{"n": n} for n in range(30)]


def test_what_has_expired_leaves_no_byte_either(
    store: PersonalStore, tmp_path: Path, clock: SimulatedClock
) -> None:
    token = store.put(FIELDS, 60)
    box = box_of(tmp_path, store, token)
    clock.advance(60)
    assert store.get(token) is None  # before any sweep
    assert store.sweep() == 1
    assert box[:16] not in on_disk(tmp_path)
    assert len(store) == 0


def test_another_key_opens_nothing(
    store: PersonalStore, tmp_path: Path, clock: SimulatedClock
) -> None:
    store.put(FIELDS, DAY_S)
    store.close()
    (tmp_path / "keys/private.key").unlink()
    with pytest.raises(JournalDamaged) as caught:
        PersonalStore.open(tmp_path, tmp_path / "keys", clock)
    assert caught.value.code == "private.damaged"


def test_a_file_that_holds_nobody_goes_over_to_a_new_key(
    store: PersonalStore, tmp_path: Path, clock: SimulatedClock
) -> None:
    store.erase(store.put(FIELDS, DAY_S))
    store.close()
    (tmp_path / "keys/private.key").unlink()
    fresh = PersonalStore.open(tmp_path, tmp_path / "keys", clock)
    assert fresh.get(fresh.put(FIELDS, DAY_S)) == FIELDS
    fresh.close()


def test_a_row_moved_under_another_token_does_not_open(store: PersonalStore) -> None:
    mine, yours = store.put(FIELDS, DAY_S), store.put({"phone": "1"}, DAY_S)
    store._db.execute(
        "UPDATE person SET box = (SELECT box FROM person WHERE token = ?) WHERE token = ?",
        (yours, mine),
    )
    with pytest.raises(JournalDamaged):
        store.get(mine)


@pytest.mark.parametrize("garbage", [b"x" * 4096, b"SQLite format 3\0" + b"\xff" * 4000])
def test_a_file_that_is_not_ours(tmp_path: Path, clock: SimulatedClock, garbage: bytes) -> None:
    (tmp_path / "private.db").write_bytes(garbage)
    with pytest.raises(JournalDamaged):
        PersonalStore.open(tmp_path, tmp_path / "keys", clock)


def test_a_disk_that_does_not_take_it(tmp_path: Path, clock: SimulatedClock) -> None:
    with pytest.raises(JournalFailed):
        PersonalStore(tmp_path / "none" / "private.db", bytes(32), clock)


def test_a_second_process_is_kept_out(
    store: PersonalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: SimulatedClock
) -> None:
    real = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *a, **k: real(*a, **{**k, "timeout": 0}))
    with pytest.raises(JournalFailed):
        PersonalStore.open(tmp_path, tmp_path / "keys", clock)
    assert store.put(FIELDS, 1)


def test_a_failing_disk_later_on_is_told(store: PersonalStore) -> None:
    store._db.execute("PRAGMA query_only = ON")
    with pytest.raises(JournalFailed) as caught:
        store.put(FIELDS, 1)
    assert caught.value.code == "private.failed"


def test_a_station_without_a_disk_keeps_them_in_memory(clock: SimulatedClock) -> None:
    store = PersonalStore.open(None, Path("/nowhere"), clock)
    token = store.put(FIELDS, DAY_S)
    assert store.get(token) == FIELDS
    assert store.erase(token)
    store.close()


@pytest.mark.parametrize(
    ("fields", "ttl_s"),
    [({"x": "y" * BYTES_MAX}, 1.0), ({}, 0.0), ({}, -1.0), ({}, TTL_S_MAX + 1.0)],
)
def test_limits_of_one_row(store: PersonalStore, fields: dict[str, str], ttl_s: float) -> None:
    with pytest.raises(UsageError):
        store.put(fields, ttl_s)


def test_limits_of_all_rows(store: PersonalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(personal_store, "ROWS_MAX", 3)
    tokens = [store.put(FIELDS, DAY_S) for _ in range(3)]
    with pytest.raises(JournalFull):
        store.put(FIELDS, DAY_S)
    store.erase(tokens[0])
    assert store.put(FIELDS, DAY_S)


def test_callers_in_several_threads_do_not_meet(store: PersonalStore) -> None:
    tokens: list[str] = []

    def work() -> None:
        tokens.extend(store.put(FIELDS, DAY_S) for _ in range(10))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({*tokens}) == len(store) == 40


def test_time_counts_on_over_a_reboot_as_far_as_the_station_ran(
    store: PersonalStore, tmp_path: Path, clock: SimulatedClock
) -> None:
    token = store.put(FIELDS, 100)
    clock.advance(60)
    store.sweep()
    after = clock.rebooted(off_s=DAY_S)  # nobody knows how long it was off
    again = reopened(store, tmp_path, after)
    assert again.get(token) == FIELDS
    after.advance(39)
    assert again.get(token) == FIELDS
    after.advance(1)
    assert again.get(token) is None
    assert again.sweep() == 1
    again.close()


def test_the_time_without_power_counts_where_the_wall_clock_is_vouched_for(
    store: PersonalStore, tmp_path: Path, clock: SimulatedClock
) -> None:
    token = store.put(FIELDS, DAY_S)
    clock.learn(Trust.NTP, clock.kernel.true_ns, 0)
    assert store.sweep() == 0  # from now on the row has a date
    after = clock.rebooted(off_s=2 * DAY_S)
    again = reopened(store, tmp_path, after)
    after.learn(Trust.PERSON, after.kernel.true_ns, 0)
    assert again.get(token) == FIELDS  # a slip of the finger erases nobody's request
    after.learn(Trust.PLATFORM, after.kernel.true_ns, 0)
    assert again.get(token) is None  # both say so
    assert again.sweep() == 1
    again.close()


def test_the_wrong_time_of_one_platform_erases_nothing(
    store: PersonalStore, clock: SimulatedClock
) -> None:
    token = store.put(FIELDS, DAY_S)
    clock.learn(Trust.NTP, clock.kernel.true_ns, 0)
    store.sweep()
    clock.advance(2 * 3600)
    for _ in range(5):
        clock.learn(Trust.PLATFORM, clock.kernel.true_ns + 400 * DAY_S * 10**9, 0)
        clock.advance(60)
    assert store.sweep() == 0
    assert store.get(token) == FIELDS


def test_what_had_expired_once_does_not_come_back_with_a_time_that_goes_back(
    store: PersonalStore, clock: SimulatedClock
) -> None:
    clock.learn(Trust.NTP, clock.kernel.true_ns, 0)
    token = store.put(FIELDS, DAY_S)
    clock.learn(Trust.NTP, clock.kernel.true_ns + 2 * DAY_S * 10**9, 0)
    assert store.get(token) is None
    clock.learn(Trust.NTP, clock.kernel.true_ns, 0)
    assert store.get(token) is None


def test_a_voice_is_sealed_expires_and_is_erased_as_fields_are(
    store: PersonalStore, tmp_path: Path, clock: SimulatedClock
) -> None:
    voice = bytes(range(256)) * 900
    token, gone = store.put_sound(voice, 3600), store.put_sound(voice, 60)
    assert store.get_sound(token) == voice
    assert voice[:64] not in on_disk(tmp_path)
    box = box_of(tmp_path, store, token)
    store.erase(token)
    assert store.get_sound(token) is None
    assert box[:64] not in on_disk(tmp_path)
    clock.advance(61)
    assert store.get_sound(gone) is None
    assert store.sweep() == 1


def test_voices_have_a_limit_each_and_together_and_fields_still_fit(
    store: PersonalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError):
        store.put_sound(bytes(personal_store.SOUND_BYTES_MAX + 1), 60)
    monkeypatch.setattr(personal_store, "SOUNDS_BYTES_MAX", 500_000)
    store.put_sound(bytes(200_000), 60)
    store.put_sound(bytes(200_000), 60)
    with pytest.raises(JournalFull, match=r"private\.sounds-full"):
        store.put_sound(bytes(200_000), 60)
    assert store.get(store.put(FIELDS, 60)) == FIELDS


@settings(max_examples=40, deadline=None)
@given(
    ttl_s=st.integers(1, 1000),
    life=st.lists(
        st.tuples(st.sampled_from(["run", "sweep", "reboot", "ntp"]), st.integers(0, 400)),
        max_size=12,
    ),
)
def test_never_gone_early_and_never_kept_longer_than_the_station_ran_and_swept(
    tmp_path_factory: pytest.TempPathFactory, ttl_s: int, life: list[tuple[str, int]]
) -> None:
    """Lower bound: true time since `put`. Upper bound: time run in this boot and swept before."""
    folder = tmp_path_factory.mktemp("private")
    clock = SimulatedClock()
    store = PersonalStore.open(folder, folder / "keys", clock)
    token = store.put(FIELDS, ttl_s)
    passed_s, counted_s, this_boot_s, swept_s = 0, 0, 0, 0
    for what, seconds in life:
        if what == "run":
            clock.advance(seconds)
            passed_s, this_boot_s = passed_s + seconds, this_boot_s + seconds
        elif what == "sweep":
            store.sweep()
            swept_s = this_boot_s
        elif what == "ntp":
            clock.learn(Trust.NTP, clock.kernel.true_ns, 0)
        else:
            clock = clock.rebooted(off_s=seconds)
            passed_s += seconds
            counted_s, this_boot_s, swept_s = counted_s + swept_s, 0, 0
            store = reopened(store, folder, clock)
        there = store.get(token) is not None
        assert there or passed_s >= ttl_s
        assert not there or counted_s + this_boot_s < ttl_s
    store.close()
