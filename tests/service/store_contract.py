"""What every engine of the store must do. A test file of an engine subclasses StoreContract and gives `store`."""

from __future__ import annotations

import threading

import pytest

from service.errors import ConflictError, StorageUnavailableError
from service.store.protocol import Interaction, KeptWrite, Known, Preferences, Receipt, Source, Store, Write

NOW = 1_700_000_000
MAX_HISTORY = 5
"""The bound that the fixture `store` must be made with."""


def write(user_id: str, *items: str, key: str = "key", start: int | None = NOW) -> Write:
    taken = tuple(Interaction(item, None if start is None else start + place) for place, item in enumerate(items))
    return Write(user_id, taken, key)


class StoreContract:
    def test_history_of_an_unknown_user_is_none(self, store: Store) -> None:
        assert store.history("nobody") is None
        assert store.interactions("nobody") is None

    def test_append_is_read_back_oldest_first(self, store: Store) -> None:
        receipt = store.append(
            Write("1", (Interaction("b", NOW + 5), Interaction("a", NOW), Interaction("c", NOW + 5)), "k")
        )
        assert receipt == Receipt(3, 0, ())
        assert store.history("1") == ("a", "b", "c")
        assert store.interactions("1") == (Interaction("a", NOW), Interaction("b", NOW + 5), Interaction("c", NOW + 5))

    def test_append_without_a_time_keeps_the_time_of_the_write(self, store: Store) -> None:
        store.append(write("1", "a", start=None))
        assert store.interactions("1") == (Interaction("a", NOW),)

    def test_append_counts_what_is_there_and_what_is_named_twice_as_duplicates(self, store: Store) -> None:
        store.append(write("1", "a", "b", key="one"))
        assert store.append(write("1", "b", "c", "c", key="two")) == Receipt(1, 2, ())
        assert store.history("1") == ("a", "b", "c")

    def test_repeated_key_answers_the_same_and_stores_nothing(self, store: Store) -> None:
        asked = Write("1", (Interaction("a", NOW), Interaction("x", NOW)), "k", ("x",))
        first = store.append(asked)
        store.erase("2")
        again = store.append(asked)
        assert again == Receipt(first.stored, first.duplicates, ("x",), replayed=True)
        assert store.history("1") == ("a", "x")

    def test_repeated_key_with_another_write_is_a_conflict(self, store: Store) -> None:
        store.append(write("1", "a"))
        for other in (write("1", "b"), write("2", "a"), write("1", "a", start=NOW + 1)):
            with pytest.raises(ConflictError):
                store.append(other)
        assert store.history("1") == ("a",)
        assert store.history("2") is None

    def test_history_over_the_bound_keeps_the_latest(self, store: Store) -> None:
        store.append(write("1", *"abcde", key="one"))
        store.append(write("1", "f", "g", key="two", start=NOW + 100))
        assert store.history("1") == tuple("cdefg")
        store.append(write("1", "old", key="three", start=NOW - 100))
        assert store.history("1") == tuple("cdefg")

    def test_load_many_stores_rows_once_and_cuts_histories(self, store: Store) -> None:
        rows = [("1", item, NOW + place) for place, item in enumerate("abcdefg")] + [("2", "a", None), ("2", "a", None)]
        seen: list[int] = []
        loaded = store.load_many(rows, on_batch=seen.append)
        assert (loaded.read, loaded.stored, loaded.dropped) == (9, 8, 2)
        assert seen[-1] == 9
        assert store.history("1") == tuple("cdefg")
        again = store.load_many([("2", "a", NOW)])
        assert (again.read, again.stored, again.dropped) == (1, 0, 0)

    def test_load_that_broke_off_goes_on_where_it_stopped_and_stores_nothing_twice(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("service.store.bulk.BATCH_ROWS", 10)
        rows = [(f"u{number // 4:02}", f"i{number % 4}", NOW + number) for number in range(35)]

        class BrokenOffError(Exception):
            pass

        def break_off(done: int) -> None:
            if done == 20:
                raise BrokenOffError

        with pytest.raises(BrokenOffError):
            store.load_many(rows, rows_id="these", on_batch=break_off)
        assert [store.history(f"u{user:02}") for user in (4, 5)] == [("i0", "i1", "i2", "i3"), None]
        assert store.erase("u00"), "who is erased meanwhile does not come back"
        reached: list[int] = []
        other = store.load_many(rows[:12], rows_id="others")
        assert (other.skipped, other.stored, other.erased) == (0, 0, 4), "other rows do not go on there"
        loaded = store.load_many(iter(rows), rows_id="these", on_batch=reached.append)
        assert (loaded.read, loaded.skipped, loaded.stored, reached) == (35, 20, 15, [20, 30, 35])
        assert store.history("u00") is None
        assert [user.n_items for user in store.users(9)] == [4] * 7 + [3]
        again = store.load_many(rows, rows_id="these")
        assert (again.skipped, again.read) == (0, 35), "what came to its end begins with the first row again"
        assert (again.stored, again.erased, again.erased_users) == (0, 4, 1)

    def test_load_that_restores_does_so_also_after_one_that_broke_off(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("service.store.bulk.BATCH_ROWS", 2)
        rows = [(user, item, NOW) for user in "123" for item in "ab"]

        def break_off(done: int) -> None:
            if done == 4:
                raise KeyboardInterrupt

        store.load_many(rows)
        for restores in (False, True):
            store.erase("1")
            with pytest.raises(KeyboardInterrupt):
                store.load_many(rows, rows_id="these", restore_erased=restores, on_batch=break_off)
            store.erase("1")
            restored = store.load_many(rows, rows_id="these", restore_erased=True)
            assert (restored.read, restored.skipped, restored.stored, restored.erased) == (6, 0, 2, 0)
            assert store.history("1") == ("a", "b")
        again = store.load_many(rows, rows_id="these")
        assert (again.skipped, again.stored) == (0, 0), "the load that broke off came to its end with the one after it"

    def test_load_without_an_identity_begins_with_the_first_row(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("service.store.bulk.BATCH_ROWS", 2)

        def break_off(done: int) -> None:
            if done == 2:
                raise KeyboardInterrupt

        rows = [("1", item, NOW) for item in "abcd"]
        with pytest.raises(KeyboardInterrupt):
            store.load_many(rows, on_batch=break_off)
        loaded = store.load_many(rows)
        assert (loaded.read, loaded.skipped, loaded.stored) == (4, 0, 2)

    def test_load_many_remembers_its_source_once(self, store: Store) -> None:
        assert list(store.sources()) == []
        store.append(write("1", "a"))
        store.load_many([("2", "a", NOW)])
        assert list(store.sources()) == [], "only a load that names its data set has a source"
        for _ in range(2):
            store.load_many([("2", "b", NOW)], source=Source("films", "0123"))
        assert list(store.sources()) == [Source("films", "0123")]

    def test_erase_forgets_the_user_and_their_keys(self, store: Store) -> None:
        store.append(write("1", "a", key="one"))
        store.append(write("2", "b", key="two"))
        assert store.erase("1")
        assert store.history("1") is None
        assert not store.erase("1")
        assert store.history("2") == ("b",)
        with pytest.raises(ConflictError):  # a late retry of a write from before
            store.append(write("1", "a", key="one"))
        assert store.history("1") is None
        with pytest.raises(ConflictError):  # nor is the key free for anybody else, as it was not before
            store.append(write("2", "a", key="one"))
        assert store.append(write("1", "c", key="three")) == Receipt(1, 0, ()), "a user may come back"
        assert store.history("1") == ("c",)
        assert [kept.key for kept in store.writes("1")] == ["three"]

    def test_load_leaves_out_who_was_erased_unless_told_to_restore_them(self, store: Store) -> None:
        rows = [(user, item, NOW + place) for user in ("1", "2", "3") for place, item in enumerate("abc")]
        assert store.load_many(rows).erased == 0
        store.put_preferences("4", "{}", "b")
        for user in ("1", "3", "4"):
            assert store.erase(user)
        assert not store.erase("nobody"), "of whom nothing is kept nothing is remembered"
        store.append(write("3", "new", key="back again"))
        loaded = store.load_many([*rows, ("4", "a", NOW), ("nobody", "a", NOW)])
        assert (loaded.read, loaded.stored, loaded.erased, loaded.erased_users) == (11, 1, 7, 3)
        assert [store.history(user) for user in "1234"] == [None, ("a", "b", "c"), ("new",), None]
        restored = store.load_many(rows[:3], restore_erased=True)
        assert (restored.stored, restored.erased, restored.erased_users) == (3, 0, 0)
        assert store.history("1") == ("a", "b", "c")
        again = store.load_many([*rows, ("1", "d", NOW + 9)])
        assert (again.stored, again.erased, again.erased_users) == (1, 3, 1), "who was restored is erased no more"

    def test_known_of_many_is_known_of_each_in_their_order(self, store: Store) -> None:
        store.append(write("1", "b", "a", key="one"))
        store.append(write("2", "c", key="two"))
        kept = store.put_preferences("2", "{}", "b")
        alone = store.put_preferences("3", "{}", "b")
        assert list(store.known_many(["2", "nobody", "3", "1", "2"])) == [
            Known(("c",), kept),
            None,
            Known((), alone),
            Known(("b", "a")),
            Known(("c",), kept),
        ]
        assert list(store.known_many([])) == []

    def test_users_are_listed_in_pages(self, store: Store) -> None:
        for user in ("10", "2", "1"):
            store.append(write(user, "a", "b", key=user))
        page = store.users(2)
        assert [(user.user_id, user.n_items) for user in page] == [("1", 2), ("10", 2)]
        assert [user.user_id for user in store.users(2, page[-1].user_id)] == ["2"]

    def test_users_with_preferences_alone_are_listed_too_with_no_items(self, store: Store) -> None:
        for user in ("1", "3"):
            store.append(write(user, "a", key=user))
        for user in ("2", "3", "4"):
            store.put_preferences(user, "{}", "b")
        pages = [store.users(3), store.users(3, "3")]
        assert [[(user.user_id, user.n_items) for user in page] for page in pages] == [
            [("1", 1), ("2", 0), ("3", 1)],
            [("4", 0)],
        ]

    def test_preferences_are_kept_as_they_came_and_the_last_write_wins(self, store: Store) -> None:
        odd = '{"attributes": {"genre:É\'; --": 1.5}}'
        assert store.known("1") is None
        first = store.put_preferences("1", odd, "bundle")
        assert first == Preferences(odd, "bundle", NOW)
        assert store.known("1") == Known((), first)
        second = store.put_preferences("1", "{}", "other")
        assert store.known("1") == Known((), second)
        assert (second.steer, second.bundle_id) == ("{}", "other")

    def test_preferences_and_history_leave_each_other_alone(self, store: Store) -> None:
        store.append(write("1", "b", "a", key="one"))
        assert store.known("1") == Known(("b", "a"), None)
        kept = store.put_preferences("1", "{}", "b")
        store.load_many([("1", "c", NOW + 9), ("2", "c", NOW)])
        assert store.known("1") == Known(("b", "a", "c"), kept)
        assert store.known("2") == Known(("c",), None)
        assert store.history("1") == ("b", "a", "c")
        assert store.erase_preferences("1")
        assert not store.erase_preferences("1")
        assert store.known("1") == Known(("b", "a", "c"), None)

    def test_user_with_preferences_alone_has_no_history(self, store: Store) -> None:
        store.put_preferences("1", "{}", "b")
        assert store.history("1") is None
        assert store.interactions("1") is None

    def test_erase_forgets_preferences_with_and_without_a_history(self, store: Store) -> None:
        store.append(write("1", "a"))
        for user in ("1", "2", "3"):
            store.put_preferences(user, "{}", "b")
        for user in ("1", "2"):
            assert store.erase(user)
            assert store.known(user) is None
            assert not store.erase(user)
        assert store.known("3") is not None

    def test_what_is_kept_of_writes_is_all_told_and_goes_with_the_user(self, store: Store) -> None:
        assert store.writes("1") == ()
        store.append(Write("1", (Interaction("a", NOW), Interaction("x", NOW)), "two", ("x",)))
        store.append(write("1", "a", key="one"))
        store.append(write("2", "a", key="other"))
        assert store.writes("1") == (KeptWrite("one", 0, 1, (), NOW), KeptWrite("two", 2, 0, ("x",), NOW))
        store.erase("1")
        assert store.writes("1") == ()
        assert [kept.key for kept in store.writes("2")] == ["other"]

    def test_odd_ids_are_only_text(self, store: Store) -> None:
        odd = ("x'; DROP TABLE history; --", "é" * 20, "%", "a b")
        store.append(write("u", *odd))
        assert store.history("u") == odd

    def test_writes_from_many_threads_are_all_there(self, store: Store) -> None:
        def work(user: int) -> None:
            for step in range(4):
                store.append(write(str(user), f"i{step}", key=f"{user}-{step}", start=NOW + step))

        threads = [threading.Thread(target=work, args=(user,)) for user in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [store.history(str(user)) for user in range(4)] == [("i0", "i1", "i2", "i3")] * 4

    def test_ping_says_that_the_store_answers(self, store: Store) -> None:
        assert store.ping()

    def test_closed_store_refuses_and_says_so(self, store: Store) -> None:
        store.close()
        assert not store.ping()
        with pytest.raises(StorageUnavailableError):
            store.history("1")
        with pytest.raises(StorageUnavailableError):
            store.append(write("1", "a"))
        with pytest.raises(StorageUnavailableError):
            store.known("1")
        with pytest.raises(StorageUnavailableError):
            store.put_preferences("1", "{}", "b")
        with pytest.raises(StorageUnavailableError):
            store.known_many(["1"])
