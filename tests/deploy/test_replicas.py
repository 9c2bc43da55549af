"""Two replicas over one PostgreSQL behind the deployed proxy, under load: replaced, killed, without a database.

All parts are real; only containers are missing (tests/deploy/test_scale.py has those, and takes minutes).
"""

from __future__ import annotations

import re
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from bundle.writer import point_current
from tests.builders import make_bundle
from tests.cluster import Cluster, running_cluster, skip_without_postgres
from tests.deploy.proxied import haproxy
from tests.deploy.replicas import CLIENTS, Load, Replicas, in_front, running_replicas, wait_for

pytestmark = [pytest.mark.e2e]
STOPPED = (0, -signal.SIGTERM)
SPLIT = {"SERVE": "demo,other", "SPLIT": "demo:0.5,other:0.5", "POLL_SECONDS": "0.2"}


@pytest.fixture(scope="module")
def database() -> Iterator[Cluster]:
    """A server of these tests' own: they stop it."""
    skip_without_postgres()
    haproxy()
    with running_cluster(Path(tempfile.mkdtemp(prefix="prismrec-"))) as running:
        yield running


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("replicas")
    for version in ("2", "1"):
        make_bundle(folder / "models", version=version, seed=int(version))
    make_bundle(folder / "models", name="other", seed=3)
    return folder


@pytest.fixture(scope="module")
def replicas(database: Cluster, models: Path) -> Iterator[Replicas]:
    with running_replicas(models, database.fresh_database(), **SPLIT) as running:
        yield running


@pytest.fixture(autouse=True)
def whole(replicas: Replicas) -> Iterator[None]:
    """After each test both replicas run, and the proxy sends to both."""
    yield
    replicas.settled()


def kept(replicas: Replicas, load: Load) -> None:
    """Every acknowledged write is there, and none twice."""
    assert load.acknowledged
    for user in {user for user, _ in load.acknowledged}:
        stored = [entry["item_id"] for entry in httpx.get(f"{replicas.base}/users/{user}/export").json()["history"]]
        assert len(stored) == len(set(stored))
        assert {item for of, item in load.acknowledged if of == user} <= set(stored)


def test_replicas_that_are_replaced_one_by_one_cost_no_request(replicas: Replicas) -> None:
    before = [replica.process.pid for replica in replicas.both if replica.process]
    with Load(replicas.base, "replaced") as load:
        for replica in replicas.both:
            assert replica.end(signal.SIGTERM) in STOPPED
            replica.start()
            replicas.settled()
    assert load.failed == 0, load.seen
    assert not set(before) & {replica.process.pid for replica in replicas.both if replica.process}
    kept(replicas, load)


def test_replica_that_is_killed_costs_at_most_the_replies_that_it_had_begun(replicas: Replicas) -> None:
    one = replicas.both[0]
    with Load(replicas.base, "killed") as load:
        assert one.end(signal.SIGKILL) == -signal.SIGKILL
        wait_for(lambda: replicas.counted()[0] != "UP", "the proxy still sends to a replica that is gone")
        one.start()
        replicas.settled()
    assert load.failed <= CLIENTS, load.seen
    assert set(load.seen) <= {"200", "500", "503", "RemoteProtocolError", "ReadError"}, load.seen
    assert load.slowest < 20, "somebody waited for a replica that is gone"
    kept(replicas, load)


def sent_once(text: str) -> str:
    """The proxy's file without its second tries."""
    text, times = re.subn(r"^    (option redispatch|retry-on) .*\n", "", text, flags=re.MULTILINE)
    assert times == 2
    return text.replace("retries 3\n", "retries 0\n").replace("inter 1s", "inter 20s")


def test_proxy_that_does_not_try_elsewhere_is_found_out(replicas: Replicas, tmp_path: Path) -> None:
    """The control: behind a proxy that sends a request once the same stop costs requests, so the load sees them."""
    with in_front(tmp_path / "weak", replicas.both, change=sent_once) as weak, Load(weak.base, "weak") as load:
        assert weak.both[0].end(signal.SIGTERM) in STOPPED
        wait_for(lambda: load.failed > 0, "no request failed")
        weak.both[0].start()


def test_database_that_is_restarted_costs_writes_a_retry_and_lists_nothing(
    replicas: Replicas, database: Cluster
) -> None:
    with Load(replicas.base, "restarted") as load:
        database.stop()
        wait_for(lambda: load.seen["503"] + load.seen["504"] > 0, "no write was refused")
        lists = [httpx.post(f"{replicas.base}/recommend", json={"history": ["m1"]}) for _ in range(10)]
        database.start()
        for replica in replicas.both:
            wait_for(replica.is_ready, "a replica did not find its store again")
        seen = load.seen["200"]
        wait_for(lambda: load.seen["200"] > seen + 20, "nothing is answered any more")
    assert {reply.status_code for reply in lists} == {200}
    assert set(load.seen) <= {"200", "503", "504"}, load.seen
    kept(replicas, load)
    (user, item), *_ = load.acknowledged
    again = httpx.post(
        f"{replicas.base}/users/{user}/interactions",
        json={"interactions": [{"item_id": item, "timestamp": int(item[1:])}]},
        headers={"Idempotency-Key": f"{user}-{item[1:]}"},
    )
    assert again.status_code == 200, "a write that is sent again by its key is answered as it was"


def test_same_user_gets_the_same_arm_of_both(replicas: Replicas) -> None:
    arms: list[list[str]] = []
    for base in (*(replica.base for replica in replicas.both), replicas.base):
        bodies = [{"user_id": f"u{number}", "history": ["m1"], "n": 3} for number in range(40)]
        with httpx.Client(base_url=base) as client:
            replies = [client.post("/recommend", json=body) for body in bodies]
        assert {reply.status_code for reply in replies} == {200}, replies[0].text
        arms.append([reply.json()["arm"] for reply in replies])
    assert arms[0] == arms[1] == arms[2]
    assert set(arms[0]) == {"demo", "other"}


def test_bundle_is_swapped_on_both_under_load(replicas: Replicas, models: Path) -> None:
    def served(version: str) -> bool:
        found = [httpx.get(f"{replica.base}/bundles").json()["serving"] for replica in replicas.both]
        return [serving["version"] for serving in found] == [version, version]

    with Load(replicas.base, "swapped") as load:
        for version in ("2", "1"):
            point_current(models / "models" / "demo", version)
            wait_for(lambda version=version: served(version), f"version {version} is not served by both")
    assert load.failed == 0, load.seen
    kept(replicas, load)
