"""One writer at a time, however long it takes, and none for ever."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any

import pytest
import sqlalchemy as sa

from sales_agent_dagster.crm.contract import Deferred, Failed, FailureClass, Operation
from sales_agent_dagster.crm.http import Fence
from sales_agent_dagster.domain.errors import TransientError
from sales_agent_dagster.stages.crm import holder
from sales_agent_dagster.stages.crm.lease import LEASE, SKEW, Lease, LeaseHeld
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import crm_dead_letters, crm_leases, crm_outbox, crm_sync_runs
from sales_agent_dagster_tests.crm.fake import FakeCrm
from sales_agent_dagster_tests.stages.crm.wanting import company, context_of, run_sync, want

LONG_S = LEASE.total_seconds() + 1
NAMED = "from sales_agent_dagster.stages.crm.holder import this_process; print(this_process(), flush=True)"


@pytest.fixture
def crm() -> FakeCrm:
    return FakeCrm(batch=1)


def lease_of(warehouse: Warehouse, crm: FakeCrm, **options: Any) -> Lease:
    return Lease(context_of(warehouse, crm, lambda: crm.now), **options)


def rewrite(warehouse: Warehouse, **values: Any) -> None:
    with warehouse.transaction() as connection:
        connection.execute(sa.update(crm_leases).values(**values))


def row(warehouse: Warehouse) -> Any:
    with warehouse.reading() as connection:
        return connection.execute(sa.select(crm_leases)).one()


def states(warehouse: Warehouse) -> list[str]:
    """Of all operations, oldest first."""
    with warehouse.reading() as connection:
        return list(connection.scalars(sa.select(crm_outbox.c.state).order_by(crm_outbox.c.created_at)))


def eventually(condition: Callable[[], bool]) -> None:
    waiter = threading.Event()
    for _ in range(2000):
        if condition():
            return
        waiter.wait(0.005)
    raise AssertionError("it did not come")


def test_a_living_process_of_this_host_keeps_it_past_its_time(
    sqlite_warehouse: Warehouse, crm: FakeCrm
) -> None:
    with lease_of(sqlite_warehouse, crm):
        crm.tick(LONG_S)
        with pytest.raises(LeaseHeld, match="Another sync writes"), lease_of(sqlite_warehouse, crm):
            pass
    with lease_of(sqlite_warehouse, crm):
        pass


def test_a_sync_beside_another_one_says_so_in_its_report_card(
    sqlite_warehouse: Warehouse, crm: FakeCrm
) -> None:
    with lease_of(sqlite_warehouse, crm), pytest.raises(LeaseHeld):
        run_sync(sqlite_warehouse, crm)
    with sqlite_warehouse.reading() as connection:
        [told] = connection.scalars(sa.select(crm_sync_runs.c.stopped))
    assert told == "Another sync writes to fake. Try again when it has ended."


def test_a_killed_process_gives_it_up_at_once(sqlite_warehouse: Warehouse, crm: FakeCrm) -> None:
    with Popen([sys.executable, "-c", f"{NAMED}; input()"], stdin=PIPE, stdout=PIPE, text=True) as other:
        assert other.stdout is not None
        name = other.stdout.readline().strip()
        with lease_of(sqlite_warehouse, crm):
            rewrite(sqlite_warehouse, holder=name)
        with pytest.raises(LeaseHeld), lease_of(sqlite_warehouse, crm):
            pass
        other.kill()
        # Not waited for yet: its PID is still there, its process is not.
        eventually(lambda: holder.lives(name) is False)
        with lease_of(sqlite_warehouse, crm):
            pass


@pytest.mark.parametrize("part", [0, 1, 2], ids=["host", "boot", "namespace"])
def test_a_process_that_cannot_be_seen_from_here_keeps_it_for_its_time(
    sqlite_warehouse: Warehouse, crm: FakeCrm, part: int
) -> None:
    parts = holder.this_process().split("/")
    parts[part] = "elsewhere"
    with lease_of(sqlite_warehouse, crm):
        rewrite(sqlite_warehouse, holder="/".join(parts))
    with pytest.raises(LeaseHeld), lease_of(sqlite_warehouse, crm):
        pass
    crm.tick(LONG_S)
    with lease_of(sqlite_warehouse, crm):
        pass


def test_another_process_with_the_same_pid_is_not_the_holder() -> None:
    host, boot, namespace, pid, start, number = holder.this_process().split("/")
    assert holder.lives("/".join([host, boot, namespace, pid, start, number])) is True
    assert holder.lives("/".join([host, boot, namespace, pid, str(int(start) - 1), number])) is False
    assert holder.lives(f"{host}/{pid}/{number}") is None, "as older versions wrote it"


def test_where_the_system_tells_nothing_of_processes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(holder, "_PROC", tmp_path)
    name = holder.this_process()
    assert name.split("/")[1:3] == ["-", "-"]
    assert holder.lives(name) is None, "its PID may be another's"
    with Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    parts = name.split("/")
    assert holder.lives("/".join([*parts[:3], str(gone.pid), *parts[4:]])) is False
    monkeypatch.setattr("os.kill", refuse)
    assert holder.lives(name) is None


def refuse(pid: int, signal: int) -> None:
    raise PermissionError


def test_the_heart_renews_it_while_a_group_is_sent(warehouse: Warehouse, crm: FakeCrm) -> None:
    with lease_of(warehouse, crm, beat_s=0.005):
        before = row(warehouse).held_until
        crm.tick(300)
        eventually(lambda: row(warehouse).held_until >= before + timedelta(seconds=300))


def test_the_heart_beats_on_after_the_warehouse_was_away(
    sqlite_warehouse: Warehouse, crm: FakeCrm, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = iter([True])
    renew = Lease.renew

    def once_away(self: Lease, connection: sa.Connection) -> None:
        if next(failures, False):
            raise TransientError("The database is locked.")
        renew(self, connection)

    monkeypatch.setattr(Lease, "renew", once_away)
    with lease_of(sqlite_warehouse, crm, beat_s=0.005):
        before = row(sqlite_warehouse).held_until
        crm.tick(1)
        eventually(lambda: row(sqlite_warehouse).held_until > before)


def test_a_sync_that_lost_it_stops_before_the_next_group(sqlite_warehouse: Warehouse, crm: FakeCrm) -> None:
    want(sqlite_warehouse, "batch-1", [company(f"E{n}") for n in range(3)])

    def be_taken_over(operation: Operation) -> None:
        """By one that is done by the time the group is sent."""
        with sqlite_warehouse.transaction() as connection:
            connection.execute(sa.delete(crm_leases))

    crm.before_push = be_taken_over
    with pytest.raises(LeaseHeld, match="took over"):
        run_sync(sqlite_warehouse, crm)
    assert (len(crm.writes), states(sqlite_warehouse)) == (1, ["sent"])
    crm.before_push = lambda operation: None
    assert run_sync(sqlite_warehouse, crm)["created"] == 2
    assert len(crm.living()) == 3


def test_one_that_lost_it_while_it_looked_for_what_is_there_sends_nothing(
    sqlite_warehouse: Warehouse, crm: FakeCrm, monkeypatch: pytest.MonkeyPatch
) -> None:
    want(sqlite_warehouse, "batch-1", [company("E1")])

    def taken_over_meanwhile(*_: Any) -> Iterator[Any]:
        with sqlite_warehouse.transaction() as connection:
            connection.execute(sa.delete(crm_leases))
        return iter(())

    with monkeypatch.context() as patched:
        patched.setattr(crm, "appeared", taken_over_meanwhile)
        with pytest.raises(LeaseHeld, match="took over"):
            run_sync(sqlite_warehouse, crm)
    assert (crm.writes, states(sqlite_warehouse)) == ([], [])
    assert run_sync(sqlite_warehouse, crm)["created"] == 1


def test_a_heart_that_finds_it_lost_says_so_for_good(sqlite_warehouse: Warehouse, crm: FakeCrm) -> None:
    with lease_of(sqlite_warehouse, crm, beat_s=0.005) as held:
        mine = row(sqlite_warehouse).holder
        rewrite(sqlite_warehouse, holder="another/-/-/1/-/0")
        eventually(lambda: held.lost)
        rewrite(sqlite_warehouse, holder=mine)
        with pytest.raises(LeaseHeld), sqlite_warehouse.transaction() as connection:
            held.renew(connection)


def suspend(warehouse: Warehouse, crm: FakeCrm, meanwhile: Callable[[], None]) -> None:
    """Once the first operation of a group is done, its process stands still for longer than its lease."""

    def stand_still(operation: Operation) -> None:
        if crm.writes:
            crm.before_push = lambda operation: None
            crm.tick(LONG_S)
            meanwhile()

    crm.before_push = stand_still


def test_a_sync_that_was_suspended_within_a_group_sends_nothing_that_another_one_sent(
    sqlite_warehouse: Warehouse,
) -> None:
    crm = FakeCrm(batch=10)
    want(sqlite_warehouse, "batch-1", [company(f"E{n}") for n in range(3)])

    def take_over() -> None:
        suspended = crm.fence
        crm.fence = Fence()
        rewrite(sqlite_warehouse, holder="elsewhere/-/-/1/-/0")
        for _ in range(2):
            run_sync(sqlite_warehouse, crm)
            crm.tick(61)
        crm.fence = suspended

    suspend(sqlite_warehouse, crm, take_over)
    run_sync(sqlite_warehouse, crm)
    for _ in range(2):
        crm.tick(61)
        run_sync(sqlite_warehouse, crm)
    assert sorted(str(one.external_key) for one in crm.living()) == ["E0", "E1", "E2"]


@pytest.mark.parametrize("late", [FailureClass.TRANSIENT, FailureClass.VALIDATION, None])
def test_what_a_suspended_sync_says_late_changes_nothing_of_what_another_one_decided(
    sqlite_warehouse: Warehouse, late: FailureClass | None
) -> None:
    crm = FakeCrm(batch=10)
    want(sqlite_warehouse, "batch-1", [company("E0"), company("E1")])
    ended: list[tuple[str, str]] = []

    def take_over() -> None:
        suspended, crm.fence = crm.fence, Fence()
        rewrite(sqlite_warehouse, holder="elsewhere/-/-/1/-/0")
        crm.fault = lambda operation: "never"
        run_sync(sqlite_warehouse, crm)
        crm.tick(61)
        run_sync(sqlite_warehouse, crm)
        ended.extend(outbox(sqlite_warehouse))
        crm.fence = suspended
        crm.fence.open()
        refused = Failed("", FailureClass.VALIDATION, "No.", "Mend it.")
        due = Deferred("", FailureClass.TRANSIENT, "Later.")
        crm.fault = lambda operation: {None: "never", FailureClass.TRANSIENT: due}.get(late, refused)

    suspend(sqlite_warehouse, crm, take_over)
    run_sync(sqlite_warehouse, crm)
    assert ended == outbox(sqlite_warehouse)
    assert ("E1", "unknown") in ended
    with sqlite_warehouse.reading() as connection:
        assert connection.scalars(sa.select(crm_dead_letters)).all() == []


def test_a_sync_that_lost_it_writes_down_nothing_of_what_it_did_before(sqlite_warehouse: Warehouse) -> None:
    """Who took over has read it back, and may have written something else since."""
    crm = FakeCrm(batch=10)
    want(sqlite_warehouse, "batch-1", [company("E0"), company("E1")])

    def be_taken_over() -> None:
        rewrite(sqlite_warehouse, holder="elsewhere/-/-/1/-/0")

    suspend(sqlite_warehouse, crm, be_taken_over)
    assert run_sync(sqlite_warehouse, crm)["created"] == 0
    assert [one.external_key for one in crm.living()] == ["E0"]
    assert [state for _, state in outbox(sqlite_warehouse)] == ["sending", "sending"]


def outbox(warehouse: Warehouse) -> list[tuple[str, str]]:
    with warehouse.reading() as connection:
        query = sa.select(crm_outbox.c.external_key, crm_outbox.c.state).order_by(crm_outbox.c.op_id)
        return list(connection.execute(query).tuples())


def test_a_sync_that_was_suspended_and_still_has_it_goes_on(sqlite_warehouse: Warehouse) -> None:
    crm = FakeCrm(batch=10)
    want(sqlite_warehouse, "batch-1", [company(f"E{n}") for n in range(3)])
    suspend(sqlite_warehouse, crm, lambda: None)
    assert run_sync(sqlite_warehouse, crm)["created"] == 3
    assert crm.fence.passes(), "nobody holds it"


def test_while_the_warehouse_is_away_nothing_is_sent(
    sqlite_warehouse: Warehouse, crm: FakeCrm, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(self: Lease, connection: sa.Connection) -> None:
        raise TransientError("The database is locked.")

    with lease_of(sqlite_warehouse, crm):
        assert crm.fence.passes()
        crm.tick(LEASE.total_seconds() - SKEW.total_seconds() + 1)
        with monkeypatch.context() as patched:
            patched.setattr(Lease, "renew", away)
            assert not crm.fence.passes()
        assert crm.fence.passes()
