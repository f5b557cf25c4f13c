from __future__ import annotations

import multiprocessing
import pickle
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import STAGE_TABLES, imported_leads, lead_files
from sales_agent_dagster_tests.rows import file_row, seed_batch


def file_ids(warehouse: Warehouse) -> list[str]:
    with warehouse.reading() as connection:
        return list(connection.scalars(sa.select(lead_files.c.file_id).order_by(lead_files.c.file_id)))


def add_file(warehouse: Warehouse, file_id: str) -> None:
    with warehouse.transaction() as connection:
        warehouse.upsert(connection, lead_files, [file_row(file_id)])


def test_seeded_rows_reach_every_stage(warehouse: Warehouse) -> None:
    ids = seed_batch(warehouse, leads=[{}, {"company_name": "B"}], through="crm_synced_leads")
    with warehouse.reading() as connection:
        for table in STAGE_TABLES:
            found = connection.scalars(sa.select(table.c.lead_id).order_by(table.c.lead_id))
            assert list(found) == ids


def test_a_transaction_is_all_or_nothing(warehouse: Warehouse) -> None:
    def fail_late() -> None:
        with warehouse.transaction() as connection:
            warehouse.upsert(connection, lead_files, [file_row("a")])
            assert connection.scalar(sa.select(sa.func.count()).select_from(lead_files)) == 1
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_late()
    assert file_ids(warehouse) == []


def test_reading_does_not_write(warehouse: Warehouse) -> None:
    with warehouse.reading() as connection:
        warehouse.upsert(connection, lead_files, [file_row("a")])
    assert file_ids(warehouse) == []


def test_readers_do_not_wait_for_a_writer(warehouse: Warehouse) -> None:
    with warehouse.transaction() as connection:
        warehouse.upsert(connection, lead_files, [file_row("a")])
        assert file_ids(warehouse) == []
    assert file_ids(warehouse) == ["a"]


def test_foreign_keys_hold(warehouse: Warehouse) -> None:
    seed_batch(warehouse)
    orphan = sa.update(imported_leads).values(batch_id="nowhere")
    with pytest.raises(sa.exc.IntegrityError), warehouse.transaction() as connection:
        connection.execute(orphan)


def test_a_pickled_warehouse_works_and_opens_its_own_connections(warehouse: Warehouse) -> None:
    add_file(warehouse, "a")
    copy = pickle.loads(pickle.dumps(warehouse))
    assert file_ids(copy) == ["a"]
    assert copy.engine is not warehouse.engine
    copy.dispose()


def test_it_stays_usable_after_dispose(warehouse: Warehouse) -> None:
    engine = warehouse.engine
    warehouse.dispose()
    warehouse.dispose()
    add_file(warehouse, "a")
    assert file_ids(warehouse) == ["a"]
    assert warehouse.engine is not engine


def test_nothing_is_opened_before_the_first_use() -> None:
    Warehouse("postgresql://nobody@127.0.0.1:1/nowhere").dispose()


def test_threads_share_it(warehouse: Warehouse) -> None:
    names = [f"file-{number}" for number in range(40)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: add_file(warehouse, name), names))
        engines = set(pool.map(lambda _: warehouse.engine, range(40)))
    assert file_ids(warehouse) == sorted(names)
    assert len(engines) == 1


def test_one_transaction_at_a_time_holds_an_exclusive_lock(warehouse: Warehouse) -> None:
    order: list[str] = []
    held, wanted = threading.Event(), threading.Event()

    def first() -> None:
        with warehouse.transaction() as connection:
            warehouse.exclusive(connection, "same")
            held.set()
            assert wanted.wait(30)
            time.sleep(0.2)  # the second one's chance to break in
            order.append("first")

    def second() -> None:
        assert held.wait(30)
        wanted.set()
        with warehouse.transaction() as connection:
            warehouse.exclusive(connection, "same")
            order.append("second")

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(first), pool.submit(second)]:
            done.result()
    assert order == ["first", "second"]


def test_exclusive_locks_of_other_names_do_not_wait(postgres_warehouse: Warehouse) -> None:
    with postgres_warehouse.transaction() as one, postgres_warehouse.transaction() as other:
        postgres_warehouse.exclusive(one, "this")
        postgres_warehouse.exclusive(other, "that")


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_forked_child_does_not_use_its_parents_connections(warehouse: Warehouse) -> None:
    with warehouse.transaction() as connection:
        warehouse.upsert(connection, lead_files, [file_row("parent")])
        parent_engine = warehouse.engine

    def work() -> None:
        assert warehouse.engine is not parent_engine
        add_file(warehouse, "child")
        warehouse.dispose()

    child = multiprocessing.get_context("fork").Process(target=work)
    child.start()
    child.join(30)
    assert child.exitcode == 0
    add_file(warehouse, "parent again")
    assert file_ids(warehouse) == ["child", "parent", "parent again"]


def test_an_engine_of_another_process_is_forgotten_not_closed(warehouse: Warehouse) -> None:
    inherited = warehouse.engine
    pool = inherited.pool
    with inherited.connect() as connection:
        warehouse._owner = -1  # as a forked child finds it
        assert warehouse.engine is not inherited
        assert connection.scalar(sa.select(1)) == 1
        add_file(warehouse, "a")
    pool.dispose()
    assert file_ids(warehouse) == ["a"]
