"""`prismrec load` into either engine: interrupted and gone on with; and what is printed of a store's URL."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from prismrec.__main__ import main
from service.limits import LIMITS
from service.store import open_store
from service.store.bulk import BulkLoad
from tests.cluster import Cluster

SECRET = "pa55-w0rd"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty store of either engine."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'store.sqlite'}"
    cluster: Cluster = request.getfixturevalue("cluster")
    return cluster.fresh_database()


@pytest.fixture
def data(tmp_path: Path) -> str:
    """250 interactions of 50 users."""
    rows = [f"u{number % 50},i{number // 50},5,{number}" for number in range(250)]
    path = tmp_path / "interactions.csv"
    path.write_text("user_id,item_id,rating,timestamp\n" + "\n".join(rows) + "\n")
    return str(path)


def test_load_that_was_interrupted_goes_on_where_it_stopped(
    url: str, data: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("service.store.bulk.BATCH_ROWS", 40)

    def interrupt(_: BulkLoad, done: int) -> None:
        if done == 120:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(BulkLoad, "reached", interrupt)
        assert main(["load", data, "--store", url]) == 130
    assert "run the same command again; what was finished is kept" in capsys.readouterr().err
    assert main(["load", data, "--store", url, "--json"]) == 0
    said = capsys.readouterr()
    document = json.loads(said.out)
    counts = {name: document[name] for name in ("read", "skipped", "stored", "known", "dropped", "users")}
    assert counts == {"read": 250, "skipped": 120, "stored": 130, "known": 0, "dropped": 0, "users": 50}
    assert "went on after 120 interactions" in said.err
    assert main(["load", data, "--store", url, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["skipped"], document["stored"], document["known"]) == (0, 0, 250)
    store = open_store(url)
    assert {len(store.history(user.user_id) or ()) for user in store.users(60)} == {5}
    assert store.history("u7") == ("i0", "i1", "i2", "i3", "i4")
    store.close()


def test_load_again_leaves_out_who_was_erased_and_says_how_to_restore_them(
    url: str, data: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["load", data, "--store", url, "--json"]) == 0
    assert "erased" not in capsys.readouterr().err
    store = open_store(url)
    assert store.erase("u7") and store.erase("u8")
    assert main(["load", data, "--store", url, "--json"]) == 0
    said = capsys.readouterr()
    document = json.loads(said.out)
    counts = {name: document[name] for name in ("read", "stored", "known", "erased", "erased_users")}
    assert counts == {"read": 250, "stored": 0, "known": 240, "erased": 10, "erased_users": 2}
    assert "10 interactions of 2 users who were erased" in said.err and "--restore-erased" in said.err
    assert store.history("u7") is None
    assert main(["load", data, "--store", url, "--json", "--restore-erased"]) == 0
    assert json.loads(capsys.readouterr().out)["stored"] == 10
    assert store.history("u7") == ("i0", "i1", "i2", "i3", "i4")
    store.close()


def test_load_of_other_rows_does_not_go_on_there(
    url: str, data: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same users and items, in other pairs: numbers of a Categorical would be the same, too."""
    monkeypatch.setattr("service.store.bulk.BATCH_ROWS", 40)

    def interrupt(_: BulkLoad, done: int) -> None:
        if done == 120:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(BulkLoad, "reached", interrupt)
        assert main(["load", data, "--store", url]) == 130
    lines = Path(data).read_text().splitlines()
    swapped = [line.replace("i4", "x").replace("i3", "i4").replace("x", "i3") for line in lines[1:]]
    Path(data).write_text("\n".join([lines[0], *swapped]) + "\n")
    capsys.readouterr()
    assert main(["load", data, "--store", url, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["skipped"] == 0


def test_load_beyond_the_length_of_a_history_says_what_went_out_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, url = tmp_path / "rows.csv", f"sqlite:///{tmp_path / 'store.sqlite'}"
    more = LIMITS.history + 3
    path.write_text("user_id,item_id,timestamp\n" + "".join(f"u,i{n},{n}\n" for n in range(more)))
    assert main(["load", str(path), "--store", url]) == 0
    said = capsys.readouterr()
    assert f"stored {more} of {more} interactions of 1 users" in said.out
    assert f"then took out 3 that are older than the latest {LIMITS.history} of their user" in said.out
    assert "not stored" not in said.err and "can be recommended again" in said.err
    path.write_text("user_id,item_id,timestamp\n" + "".join(f"u,i{n},{n}\n" for n in range(5, more)))
    assert main(["load", str(path), "--store", url, "--merge"]) == 0
    assert "took out" not in capsys.readouterr().out


def test_load_that_leaves_users_out_says_so_in_its_result(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, url = tmp_path / "rows.csv", f"sqlite:///{tmp_path / 'store.sqlite'}"
    path.write_text("user_id,item_id\nu,i1\ndept/42,i1\ndept/42,i2\n")
    assert main(["load", str(path), "--store", url]) == 0
    said = capsys.readouterr().out
    assert "stored 1 of 1 interactions of 1 users" in said
    assert "NOT loaded: 2 interactions of 1 users whose id the service does not take (letters and digits" in said
    assert main(["load", str(path), "--store", url, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["left_out_interactions"] == 2
    assert [(one["count"], one["examples"]) for one in document["left_out"]] == [(1, ["'dept/42'"])]


def test_password_of_a_store_is_not_printed(
    cluster: Cluster, data: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    url = cluster.fresh_database().replace("postgres@", f"postgres:{SECRET}@")
    main(["doctor", "--store", url, "--port", "1024"])
    assert "its tables will be made" in capsys.readouterr().out, "a doctor looks and changes nothing"
    main(["doctor", "--store", url, "--port", "1024"])
    assert "its tables will be made" in capsys.readouterr().out
    assert main(["load", data, "--store", url]) == 0
    assert main(["--json", "load", data, "--store", url]) == 0
    Path(data).write_text("user_id,item_id,rating,timestamp\n1,2,5,3\n")
    assert main(["load", data, "--store", url]) == 2, "data of other users are not mixed in"
    main(["doctor", "--store", url, "--port", "1024"])
    main(["-v", "doctor", "--store", url.replace("@/t", "@/nowhere"), "--port", "1024"])
    assert main(["-v", "load", data, "--store", url.replace("@/t", "@/nowhere")]) == 2
    assert main(["-v", "load", data, "--store", url.replace("host=", "hots=")]) == 2
    said = capsys.readouterr()
    told = said.out + said.err
    assert told.count("postgresql://postgres:***@") >= 4
    assert "PASS  store: postgresql://postgres:***@" in told
    assert "there is no such database or role" in told
    assert SECRET not in told
