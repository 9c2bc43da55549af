"""The manifests as they would be applied: valid, locked down, drained, and true of the service they start."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest

from bundle.reader import read_bundle
from prismrec.__main__ import main
from service.bundles.room import memory_needed
from service.http.auth import ACCESS
from service.settings import SettingsError, load_settings
from tests.builders import make_bundle
from tests.deploy.manifests import (
    KUBERNETES,
    OVERLAYS,
    ROOT,
    Document,
    environment,
    hits,
    image_environment,
    kustomizations,
    one,
    patch_targets,
    pod_of,
    rendered,
    resources_of,
    secret_files,
    variables_from_secrets,
)
from tests.faults.served import LATENTS, ML_1M_ITEMS

SECRETS = {
    "prismrec-store": {"url": "postgresql://prismrec:secret@db:5432/prismrec\n"},
    "prismrec-keys": {scope: f"{scope}-{'x' * 24}\n" for scope in ("read", "write", "admin")},
    "prismrec-bundle-keys": {"credentials": "[default]\n"},
}
MOUNTED = "/run/prismrec"
PROCESS_BYTES = 200 << 20
"""The service without a bundle, generously."""

WATCHER_STOP_SECONDS = 5
"""How long the end of a process may wait for a load (service.bundles.watcher.Watcher.stop)."""

overlay = pytest.mark.parametrize("overlay", OVERLAYS)


def test_files_that_kustomizations_name_exist_and_none_is_forgotten() -> None:
    named: set[Path] = set()
    for folder, kustomization in kustomizations():
        parts = [*kustomization["resources"], *(p["path"] for p in kustomization.get("patches", ()) if "path" in p)]
        for part in parts:
            assert (folder / part).exists(), f"{folder.name} names {part}"
            named.add((folder / part).resolve())
        named.add((folder / "kustomization.yaml").resolve())
    assert [p for p in KUBERNETES.rglob("*") if p.is_file() and p.resolve() not in named] == []


def test_patches_have_a_target() -> None:
    seen = 0
    for folder, kustomization in kustomizations():
        for patch in kustomization.get("patches", ()):
            for target in patch_targets(patch, folder):
                assert hits(target, resources_of(folder)), f"{folder.name}: nothing is a {target}"
                seen += 1
    assert seen > 4
    assert not hits(("Deployment", "prismrek"), resources_of(KUBERNETES / "base"))  # control


@overlay
def test_manifest_fits_the_schemas_of_kubernetes(overlay: str) -> None:
    validator = pytest.importorskip("kubernetes_validate", reason="NOT TESTED: schemas, kubernetes-validate is missing")
    for resource in rendered(overlay):
        validator.validate(resource, "1.37", strict=True)
    broken = one(rendered(overlay), "Deployment")
    broken["spec"]["template"]["spec"]["containers"][0]["securityContext"]["readOnlyRootFs"] = True
    with pytest.raises(validator.ValidationError):
        validator.validate(broken, "1.37", strict=True)


def unlocked(pod: Document) -> list[str]:
    """What of a pod is less strict than the `restricted` standard, a read-only root and bounded memory."""
    context, found = pod["securityContext"], []
    if not context.get("runAsNonRoot") or context.get("runAsUser", 0) < 1000:
        found.append("root")
    if context.get("seccompProfile", {}).get("type") != "RuntimeDefault":
        found.append("seccomp")
    if pod.get("automountServiceAccountToken", True):
        found.append("token")
    for container in [*pod["initContainers"], *pod["containers"]]:
        own = container.get("securityContext", {})
        strict = {
            "escalation": own.get("allowPrivilegeEscalation", True) is False,
            "root file system": own.get("readOnlyRootFilesystem", False),
            "capabilities": own.get("capabilities", {}) == {"drop": ["ALL"]},
            "memory": "memory" in container["resources"]["limits"] and "memory" in container["resources"]["requests"],
            "cpu": "cpu" in container["resources"]["requests"],
        }
        found += [f"{container['name']}: {name}" for name, holds in strict.items() if not holds]
    return found


@overlay
def test_pod_is_locked_down(overlay: str) -> None:
    pod = pod_of(rendered(overlay))
    assert unlocked(pod) == []
    loose = copy.deepcopy(pod)
    del loose["containers"][0]["securityContext"]["capabilities"]
    loose["securityContext"]["runAsUser"] = 0
    assert unlocked(loose) == ["root", "service: capabilities"]


def given_to_the_service(resources: list[Document], place: Path) -> dict[str, str]:
    """The environment of the service's container, image's variables included, with its secrets below `place`."""
    pod = pod_of(resources)
    (container,) = pod["containers"]
    for path, content in secret_files(pod, container, SECRETS).items():
        assert path.startswith(MOUNTED)
        to = place / path.removeprefix(f"{MOUNTED}/")
        to.parent.mkdir(exist_ok=True, parents=True)
        to.write_text(content)
    given = image_environment() | environment(container, resources)
    return {name: value.replace(MOUNTED, str(place)) for name, value in given.items()}


@overlay
def test_settings_are_those_of_the_service(overlay: str, tmp_path: Path) -> None:
    resources = rendered(overlay)
    (container,) = pod_of(resources)["containers"]
    given = given_to_the_service(resources, tmp_path)
    settings = load_settings(given)
    settings.check_exposure()
    assert settings.has_keys == (overlay == "production")
    assert (settings.store_url or "").startswith({"production": "postgresql://", "trial": "sqlite:"}[overlay])
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports == {"http": settings.port, "metrics": settings.metrics_port}
    annotations = one(resources, "Deployment")["spec"]["template"]["metadata"]["annotations"]
    assert annotations["prometheus.io/port"] == str(settings.metrics_port)
    assert settings.host == "0.0.0.0"
    mounted = {mount["mountPath"]: mount.get("readOnly", False) for mount in container["volumeMounts"]}
    assert mounted[str(settings.models)] is True
    assert {name for name in given if not name.startswith("PRISMREC_")} == set()


@overlay
def test_no_secret_stands_in_an_environment(overlay: str) -> None:
    resources = rendered(overlay)
    assert variables_from_secrets(resources) == []
    loose = copy.deepcopy(resources)
    (container,) = pod_of(loose)["containers"]
    container["envFrom"].append({"secretRef": {"name": "prismrec-keys"}})
    container["env"] = [{"name": "X", "valueFrom": {"secretKeyRef": {"name": "prismrec-store", "key": "url"}}}]
    assert variables_from_secrets(loose) == ["service: prismrec-keys", "service: X"]


def test_keys_are_files_that_are_taken_up_when_the_secret_changes(tmp_path: Path) -> None:
    resources = rendered("production")
    pod = pod_of(resources)
    (container,) = pod["containers"]
    (keys,) = [mount for mount in container["volumeMounts"] if mount["name"] == "keys"]
    assert keys["readOnly"] is True
    assert "subPath" not in keys, "Kubernetes never replaces a file that is mounted by itself"
    modes = {v["name"]: v["secret"]["defaultMode"] for v in pod["volumes"] if "secret" in v}
    assert set(modes.values()) == {0o440}, "the group's (fsGroup) and nobody else's"
    settings = load_settings(given_to_the_service(resources, tmp_path))
    assert len(settings.key_files) == 3
    assert settings.poll_seconds > 0, "else the files are read at the start only"
    (tmp_path / "keys" / "read").write_text(f"read-{'x' * 24}\nread-{'y' * 24}\n")
    assert [key.get_secret_value()[5] for key in settings.reread().read_keys] == ["x", "y"]


def test_keys_of_the_bundles_place_reach_the_one_that_fetches_alone() -> None:
    resources = rendered("production")
    pod = pod_of(resources)
    (init,), (container,) = pod["initContainers"], pod["containers"]
    (path,) = secret_files(pod, init, SECRETS)
    assert environment(init, resources)["AWS_SHARED_CREDENTIALS_FILE"] == path
    assert path not in secret_files(pod, container, SECRETS)
    (volume,) = [v for v in pod["volumes"] if v.get("secret", {}).get("secretName") == "prismrec-bundle-keys"]
    assert volume["secret"]["optional"] is True


@overlay
def test_pods_are_spread_by_one_rule_for_each_of_host_and_zone(overlay: str) -> None:
    """Patches of this list are merged by its key, which two patches of one key make two rules of."""
    rules = pod_of(rendered(overlay))["topologySpreadConstraints"]
    kept = {rule["topologyKey"].rpartition("/")[2]: rule["whenUnsatisfiable"] for rule in rules}
    assert len(kept) == len(rules)
    assert kept == {"hostname": "ScheduleAnyway", **({"zone": "DoNotSchedule"} if overlay == "production" else {})}


@overlay
def test_what_kubernetes_would_add_for_the_service_is_kept_out(overlay: str) -> None:
    resources = rendered(overlay)
    name = one(resources, "Service")["metadata"]["name"].upper()
    with pytest.raises(SettingsError):  # control: this is what links are
        load_settings({f"{name}_PORT": "tcp://10.0.0.1:80", f"{name}_SERVICE_HOST": "10.0.0.1"})
    assert pod_of(resources)["enableServiceLinks"] is False


@overlay
def test_probes_ask_what_needs_no_key_and_stopping_takes_less_than_it_may(overlay: str, tmp_path: Path) -> None:
    resources = rendered(overlay)
    pod = pod_of(resources)
    (container,) = pod["containers"]
    openapi = json.loads((ROOT / "openapi" / "openapi.json").read_text("utf-8"))
    probes = {kind: container[f"{kind}Probe"]["httpGet"] for kind in ("startup", "liveness", "readiness")}
    for probe in probes.values():
        assert ACCESS[openapi["paths"][probe["path"]]["get"]["operationId"]] is None
        assert probe["port"] == container["ports"][0]["name"]
    assert probes["liveness"]["path"] != probes["readiness"]["path"]
    drain = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    ready = container["readinessProbe"]
    assert drain > ready["periodSeconds"] * ready["failureThreshold"]
    grace = load_settings(given_to_the_service(resources, tmp_path)).grace_seconds
    assert pod["terminationGracePeriodSeconds"] > drain + grace + WATCHER_STOP_SECONDS
    startup = container["startupProbe"]
    assert startup["httpGet"]["path"] == "/health/live", "a slow load is no reason to kill: it is alive, and not ready"
    assert startup["periodSeconds"] * startup["failureThreshold"] >= 60


@overlay
def test_names_and_labels_hang_together(overlay: str) -> None:
    resources = rendered(overlay)
    deployment = one(resources, "Deployment")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    selectors = [deployment["spec"]["selector"]["matchLabels"], one(resources, "Service")["spec"]["selector"]]
    selectors.append(one(resources, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"])
    kinds = {resource["kind"] for resource in resources}
    if overlay == "production":
        selectors.append(one(resources, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"])
        scaled = one(resources, "HorizontalPodAutoscaler")["spec"]
        assert scaled["scaleTargetRef"]["name"] == deployment["metadata"]["name"]
        assert scaled["minReplicas"] > 1
        assert "replicas" not in deployment["spec"]
    else:
        assert not kinds & {"PodDisruptionBudget", "HorizontalPodAutoscaler"}
        assert (deployment["spec"]["replicas"], deployment["spec"]["strategy"]) == (1, {"type": "Recreate"})
    for selector in selectors:
        assert selector
        assert selector.items() <= labels.items()
    accounts = one(resources, "ServiceAccount")
    assert accounts["metadata"]["name"] == pod_of(resources)["serviceAccountName"]
    assert accounts["automountServiceAccountToken"] is False
    namespace = {"production": "prismrec", "trial": "prismrec-trial"}[overlay]
    assert {resource["metadata"]["namespace"] for resource in resources} == {namespace}


@overlay
def test_init_container_fetches_with_the_command_there_is(
    overlay: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resources = rendered(overlay)
    (container,) = pod_of(resources)["initContainers"]
    given = environment(container, resources)
    assert given["BUNDLE_URL"].startswith({"trial": "file://", "production": "s3://"}[overlay])
    bundle = make_bundle(tmp_path / "elsewhere")
    (bundle.parent / "current").write_text("1\n")
    given |= {"BUNDLE_URL": f"file://{bundle.parent}", "HOME": str(tmp_path)}
    words = [word.replace("$(BUNDLE_URL)", given["BUNDLE_URL"]) for word in container["args"]]
    models = next(mount["mountPath"] for mount in container["volumeMounts"] if mount["name"] == "models")
    assert models == "/models"
    assert main([word.replace(models, str(tmp_path / "models")) for word in words]) == 0
    assert (tmp_path / "models" / "demo" / "current").read_text() == "1\n"
    assert [name for name in given if name.startswith("PRISMREC_")] == []


@overlay
def test_memory_of_the_pod_holds_a_bundle_of_ml_1m_beside_the_one_before(overlay: str, tmp_path: Path) -> None:
    """By the estimate that the service itself makes before it loads one (B12)."""
    (container,) = pod_of(rendered(overlay))["containers"]
    limit = container["resources"]["limits"]["memory"]
    assert limit.endswith("Gi")
    folder = make_bundle(tmp_path, n_items=ML_1M_ITEMS, n_latent=LATENTS)
    manifest = read_bundle(folder).manifest
    needed = memory_needed(manifest) + sum(file.size for file in manifest.files.values())
    assert PROCESS_BYTES + needed < int(limit.removesuffix("Gi")) << 30


@overlay
def test_nothing_is_open_to_everybody(overlay: str) -> None:
    policy = one(rendered(overlay), "NetworkPolicy")["spec"]
    assert set(policy["policyTypes"]) == {"Ingress", "Egress"}
    for rule in policy["ingress"]:
        assert all(source["namespaceSelector"]["matchLabels"] for source in rule["from"])
    reached = {
        port["port"]: rule["from"][0]["namespaceSelector"] for rule in policy["ingress"] for port in rule["ports"]
    }
    assert set(reached) == {"http", "metrics"}
    assert reached["http"] != reached["metrics"], "metrics want no key: who may ask for lists does not see them"
    ports = {port["port"] for rule in policy["egress"] for port in rule["ports"]}
    assert ports == ({53, 5432, 443} if overlay == "production" else {53})
