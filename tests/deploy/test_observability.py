"""Prometheus' configuration, the alerts and the dashboard: checked by promtool, and asked of a service that runs."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from service.telemetry.metrics import Metrics
from tests.builders import damage, make_bundle
from tests.service.test_process import _free_port, _serving

ROOT = Path(__file__).parents[2]
PROMETHEUS, GRAFANA = ROOT / "deploy" / "prometheus", ROOT / "deploy" / "grafana"
NAME = re.compile(r"\b(?:prismrec|process|haproxy)_\w+")
RECORDED = re.compile(r"\bprismrec:[\w:]+")
DASHBOARD = json.loads((GRAFANA / "dashboards" / "prismrec.json").read_text("utf-8"))
RULES = [r for group in yaml.safe_load((PROMETHEUS / "rules.yml").read_text("utf-8"))["groups"] for r in group["rules"]]
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
QUERIES = [(panel["title"], target["expr"]) for panel in PANELS for target in panel["targets"]]
ANNOTATIONS = [annotation["expr"] for annotation in DASHBOARD["annotations"]["list"]]
VARIABLES = DASHBOARD["templating"]["list"]
ASKS_FOR = re.compile(r"label_values\((?P<series>.*), (?P<label>\w+)\)")
NOTHING_YET = ("haproxy_", "offset 1d", "connections_cut", "prismrec_spans_total")
"""A query with one of these has nothing to show of a service that is new, alone, well and not traced."""
NOT_SHOWN = {
    "process_max_fds": "a constant of the container",
    "process_start_time_seconds": "Ready instances and the log say when one began",
    "process_virtual_memory_bytes": "says nothing of a process that maps files",
    "python_gc_collections": "of interest to who looks for a leak, with a tool for that",
    "python_gc_objects_collected": "as above",
    "python_gc_objects_uncollectable": "as above",
}
"""What the service exports and the dashboard deliberately leaves out, and why."""
SETTLED_SECONDS = 60.0
SPLIT = "demo:0.4,other:0.4,missing:0.2"
USERS = [str(user) for user in range(12)]
"""Enough that each arm has somebody."""
OFFERED = {"model": ["demo", "other"], "arm": ["demo", "missing", "other"]}
"""What can be chosen of the variables: the models that have a bundle, and the arms."""


def promtool(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    if shutil.which("promtool") is None:
        pytest.skip("NOT TESTED: Prometheus' files, there is no promtool (Debian: apt-get install prometheus)")
    return subprocess.run(["promtool", *words], cwd=cwd, capture_output=True, text=True, timeout=120, check=False)


def known_names() -> set[str]:
    """Every sample's name that the service may give."""
    found = {"process_resident_memory_bytes", "process_cpu_seconds_total", "process_open_fds"}
    for metric in Metrics().registry.collect():
        suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}.get(metric.type, ("",))
        found |= {metric.name + suffix for suffix in suffixes}
    return found


def test_every_metric_that_is_asked_for_exists() -> None:
    asked = {name for expr in (*ANNOTATIONS, *(expr for _, expr in QUERIES)) for name in NAME.findall(expr)}
    asked |= {name for rule in RULES for name in NAME.findall(rule["expr"])}
    assert {name for name in asked if not name.startswith("haproxy_")} <= known_names()
    assert len(asked) > 20
    assert "prismrec_list_score_position_sum" not in asked, "it may fall, so it is not exposed"
    recorded = {rule["record"] for rule in RULES if "record" in rule}
    used = {name for _, expr in QUERIES for name in RECORDED.findall(expr)}
    used |= {name for rule in RULES for name in RECORDED.findall(rule["expr"])}
    assert used == recorded


def asked_names(expr: str) -> set[str]:
    """The metrics that an expression asks for, those behind recorded figures included."""
    behind = {rule["record"]: rule["expr"] for rule in RULES if "record" in rule}
    words = [expr, *(behind[name] for name in RECORDED.findall(expr))]
    suffix = re.compile(r"_(?:total|bucket|sum|count)$")
    return {suffix.sub("", name) for text in words for name in NAME.findall(text)}


def test_every_metric_of_the_service_is_on_the_dashboard_or_left_out_for_a_reason() -> None:
    exported = {metric.name for metric in Metrics().registry.collect()}
    shown = {name for _, expr in QUERIES for name in asked_names(expr)}
    assert exported - {name.removesuffix("_total") for name in shown} - shown == set(NOT_SHOWN)
    assert all(NOT_SHOWN.values())


def test_every_panel_of_what_a_model_does_follows_the_variables() -> None:
    labels = {metric._name: metric._labelnames for metric in vars(Metrics()).values() if hasattr(metric, "_labelnames")}
    assert {variable["name"] for variable in VARIABLES} == {"model", "arm"}
    for title, expr in QUERIES:
        if title == "Bundles served":  # how many there are in all
            continue
        has = {label for name in asked_names(expr) for label in labels.get(name, ())} & {"model", "arm"}
        assert set(re.findall(r'(\w+)=~"\$\1"', expr)) == has, title


def test_every_alert_says_what_to_do_and_is_tested_both_ways() -> None:
    tests = yaml.safe_load((PROMETHEUS / "rules_test.yml").read_text("utf-8"))["tests"]
    cases = [case for test in tests for case in test["alert_rule_test"]]
    for rule in (rule for rule in RULES if "alert" in rule):
        assert rule["annotations"]["summary"] and rule["annotations"]["do"]
        assert rule["labels"]["severity"] in {"page", "ticket"}
        fired = [bool(case["exp_alerts"]) for case in cases if case["alertname"] == rule["alert"]]
        assert True in fired, f"no test makes {rule['alert']} fire"
        assert False in fired, f"no test sees {rule['alert']} silent"


def test_rules_are_valid_and_fire_as_they_must() -> None:
    checked = promtool("check", "rules", "rules.yml", cwd=PROMETHEUS)
    assert checked.returncode == 0, checked.stderr
    tested = promtool("test", "rules", "rules_test.yml", cwd=PROMETHEUS)
    assert tested.returncode == 0, tested.stderr


def test_rule_tests_notice_a_changed_rule(tmp_path: Path) -> None:
    for name in ("rules.yml", "rules_test.yml"):
        shutil.copy(PROMETHEUS / name, tmp_path)
    rules = (
        (tmp_path / "rules.yml").read_text().replace("prismrec:errors:share5m > 0.01", "prismrec:errors:share5m > 0.1")
    )
    (tmp_path / "rules.yml").write_text(rules)
    assert promtool("test", "rules", "rules_test.yml", cwd=tmp_path).returncode != 0


def test_configuration_is_valid(tmp_path: Path) -> None:
    config = (PROMETHEUS / "prometheus.yml").read_text().replace("/etc/prometheus/", "")
    (tmp_path / "prometheus.yml").write_text(config)
    shutil.copy(PROMETHEUS / "rules.yml", tmp_path)
    checked = promtool("check", "config", "prometheus.yml", cwd=tmp_path)
    assert checked.returncode == 0, checked.stderr


def test_dashboard_is_whole() -> None:
    """Grafana is not run here: what it would trip over is looked for by hand."""
    source = yaml.safe_load((GRAFANA / "provisioning" / "datasources" / "prometheus.yml").read_text())["datasources"][0]
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert place["x"] + place["w"] <= 24
        assert not cells & taken, f"{panel['title']} lies on another panel"
        taken |= cells
    for panel in PANELS:
        assert panel["type"] in {"timeseries", "stat", "table"}
        assert {target["datasource"]["uid"] for target in panel["targets"]} == {source["uid"]} == {"prometheus"}
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])
        assert panel["fieldConfig"]["defaults"]["unit"] in {"none", "reqps", "s", "percentunit", "bytes"}
    variables = set(re.findall(r"\$\{?(\w+)", " ".join(expr for _, expr in QUERIES)))
    assert variables <= {"__rate_interval"} | {v["name"] for v in DASHBOARD["templating"]["list"]}
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    provider = yaml.safe_load((GRAFANA / "provisioning" / "dashboards" / "prismrec.yml").read_text())["providers"][0]
    mounted = [volume.split(":")[1] for volume in compose["grafana"]["volumes"]]
    assert provider["options"]["path"] in mounted
    assert source["url"] == "http://prometheus:9090"
    trained = {"trainer": {"condition": "service_completed_successfully"}}
    assert compose["prometheus"]["depends_on"] == trained, "there is nobody to be missed before the first bundle"


def test_job_that_alerts_and_dashboard_name_is_the_one_that_is_scraped() -> None:
    jobs = {job["job_name"] for job in yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())["scrape_configs"]}
    asked = [*(rule["expr"] for rule in RULES), *(expr for _, expr in QUERIES)]
    assert {job for expr in asked for job in re.findall(r'job="(\w+)"', expr)} == {"prismrec"} <= jobs


def filled(expr: str, chosen: str = ".*") -> str:
    """An expression as Grafana sends it; chosen: the models and arms, as a regular expression."""
    return expr.replace("$__rate_interval", "10s").replace("$model", chosen).replace("$arm", chosen)


def label_values(client: httpx.Client, query: str) -> list[str]:
    """What a variable of the dashboard offers."""
    found = ASKS_FOR.fullmatch(query)
    assert found is not None, query
    reply = client.get(f"/api/v1/label/{found['label']}/values", params={"match[]": found["series"]})
    assert reply.status_code == 200, reply.text
    return sorted(value for value in reply.json()["data"] if value)


@contextmanager
def prometheus(folder: Path, target: int) -> Iterator[httpx.Client]:
    """A real Prometheus with our rules, quick, that scrapes one service; yields a client of its API."""
    port = _free_port()
    config = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "500ms", "scrape_timeout": "500ms", "evaluation_interval": "500ms"}
    config["rule_files"] = [str(PROMETHEUS / "rules.yml")]
    job = next(job for job in config["scrape_configs"] if job["job_name"] == "prismrec")
    config["scrape_configs"] = [
        {"job_name": job["job_name"], "static_configs": [{"targets": [f"127.0.0.1:{target}"]}]},
    ]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    process = subprocess.Popen(
        [
            "prometheus",
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'tsdb'}",
            f"--web.listen-address=127.0.0.1:{port}",
        ],
        stderr=subprocess.DEVNULL,
    )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
            settle(lambda: client.get("/-/ready").status_code == 200, "Prometheus is ready")
            yield client
    finally:
        process.terminate()
        process.wait(20)


def value_of(client: httpx.Client, expr: str) -> list[Any]:
    """What Prometheus says of an expression now; an expression that it refuses fails the test."""
    reply = client.get("/api/v1/query", params={"query": expr})
    assert reply.status_code == 200, f"{expr}: {reply.text}"
    result: list[Any] = reply.json()["data"]["result"]
    return result


def settle(true: Callable[[], object], what: str) -> None:
    """Wait until it is true; who is not there yet is waited for."""
    until = time.monotonic() + SETTLED_SECONDS
    while time.monotonic() < until:
        with suppress(httpx.TransportError):
            if true():
                return
        time.sleep(0.2)
    raise AssertionError(f"not within {SETTLED_SECONDS:g} s: {what}")


def settle_value(client: httpx.Client, expr: str) -> None:
    settle(lambda: value_of(client, expr), expr)


def use(client: httpx.Client) -> None:
    """A bit of everything that is counted."""
    client.post("/recommend", json={"history": ["m0", "m3"], "explain": True})
    client.post("/recommend", json={"history": ["m1", "nobody-has-this"]})
    client.post("/recommend", json={"history": []})
    client.post("/explain", json={"history": ["m0", "m3", "m6"], "item_id": "m9"})
    client.post("/explain", json={"history": ["m0", "m3", "m6"]})
    client.post("/coldstart", json={"picks": [{"factor": 0, "half": "positive"}]})
    for user in USERS:
        body = {"interactions": [{"item_id": "m0"}]}
        client.post(f"/users/{user}/interactions", json=body, headers={"Idempotency-Key": f"a{user}"})
    for user in USERS:
        client.get(f"/recommend/{user}")
    client.get("/users/nobody")


@pytest.mark.e2e
def test_every_query_of_the_dashboard_and_every_rule_works_on_a_running_service(tmp_path: Path) -> None:
    if shutil.which("prometheus") is None:
        pytest.skip("NOT TESTED: queries on a running service, there is no prometheus (Debian: apt-get install it)")
    for name in ("demo", "other"):
        make_bundle(tmp_path / "models", name=name)
    with _serving(tmp_path, SERVE="demo,other,missing", SPLIT=SPLIT, LOG_LEVEL="warning") as (_, service):
        settle(lambda: service.get("/metrics").text.count("prismrec_bundle_info{") == 2, "two bundles are served")
        exposed = service.get("/metrics").text
        command = ["promtool", "check", "metrics"]
        linted = subprocess.run(command, input=exposed, capture_output=True, text=True, timeout=60, check=False)
        assert linted.returncode == 0, linted.stderr
        use(service)
        with prometheus(tmp_path, service.base_url.port or 0) as asked:
            settle_value(asked, "prismrec_ready == 1")
            broken = make_bundle(tmp_path / "models", name="other", version="2", seed=2)
            damage(broken, "flipped-bit")
            for _ in range(4):
                use(service)
                time.sleep(0.7)
            settle_value(asked, "prismrec:errors:share5m >= 0")
            for variable in VARIABLES:
                found = label_values(asked, variable["query"])
                assert found == OFFERED[variable["name"]]
            for title, expr in QUERIES:
                if any(word in expr for word in NOTHING_YET):
                    value_of(asked, filled(expr))  # valid, at least
                elif not value_of(asked, filled(expr)):  # on a slow machine the last use may be out of the window
                    use(service)
                    settle_value(asked, filled(expr))
                if "$arm" in expr:
                    assert not value_of(asked, filled(expr, "no-such-arm")), f"{title} does not follow the variable"
            for expr in ANNOTATIONS:
                value_of(asked, filled(expr))  # of bundles that come while one looks: valid, and nothing yet
            assert value_of(asked, "prismrec_no_such_metric") == []  # control
            groups = asked.get("/api/v1/rules").json()["data"]["groups"]
            rules = [rule for group in groups for rule in group["rules"]]
            assert len(rules) == len(RULES)
            assert {(rule["name"], rule["health"], rule.get("lastError")) for rule in rules} == {
                (rule["name"], "ok", None) for rule in rules
            }
            # Refused a moment ago, for the first time: a counter that only began then would have shown no rise.
            settle_value(
                asked, 'ALERTS{alertname="PrismrecBundleRefused", model="other", reason="hash", alertstate="firing"}'
            )
            firing = {rule["name"] for rule in rules if rule["type"] == "alerting" and rule["state"] == "firing"}
            assert firing <= {"PrismrecBundleRefused"}
