"""The Kubernetes manifests: read as files, and rendered by kustomize where there is one."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
KUBERNETES = ROOT / "deploy" / "kubernetes"
OVERLAYS = ("trial", "production")
Document = dict[str, Any]


def documents(text: str) -> list[Document]:
    return [document for document in yaml.safe_load_all(text) if document]


def kustomizations() -> Iterator[tuple[Path, Document]]:
    """Each folder with a kustomization.yaml, and what that says."""
    for path in sorted(KUBERNETES.rglob("kustomization.yaml")):
        yield path.parent, yaml.safe_load(path.read_text("utf-8"))


def resources_of(folder: Path) -> list[Document]:
    """What a folder's resources hold before any patch, those of the folders below it included."""
    found: list[Document] = []
    for name in yaml.safe_load((folder / "kustomization.yaml").read_text("utf-8"))["resources"]:
        path = folder / name
        found += resources_of(path) if path.is_dir() else documents(path.read_text("utf-8"))
    return found


def patch_targets(patch: Document, folder: Path) -> list[tuple[str, str]]:
    """(kind, name) patterns that a patch is meant for."""
    if "target" in patch:
        return [(patch["target"].get("kind", ".*"), patch["target"].get("name", ".*"))]
    return [(d["kind"], d["metadata"]["name"]) for d in documents((folder / patch["path"]).read_text("utf-8"))]


def hits(target: tuple[str, str], resources: list[Document]) -> list[Document]:
    kind, name = target
    return [r for r in resources if re.fullmatch(kind, r["kind"]) and re.fullmatch(name, r["metadata"]["name"])]


def renderer() -> list[str] | None:
    """The command that renders a folder, if there is one."""
    if shutil.which("kustomize"):
        return ["kustomize", "build"]
    return ["kubectl", "kustomize"] if shutil.which("kubectl") else None


def rendered(overlay: str) -> list[Document]:
    """What would be applied; skips, loudly, without kustomize and kubectl."""
    command = renderer()
    if command is None:
        pytest.skip("NOT TESTED: rendered Kubernetes manifests, there is neither kustomize nor kubectl")
    folder = KUBERNETES / "overlays" / overlay
    done = subprocess.run([*command, str(folder)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return documents(done.stdout)


def one(resources: list[Document], kind: str) -> Document:
    (found,) = [r for r in resources if r["kind"] == kind]
    return found


def pod_of(resources: list[Document]) -> Document:
    """The pod's spec."""
    spec: Document = one(resources, "Deployment")["spec"]["template"]["spec"]
    return spec


def image_environment() -> dict[str, str]:
    """What the service's image sets by itself: ENV of the last stage of the Dockerfile."""
    last = (ROOT / "Dockerfile").read_text("utf-8").rpartition("\nFROM ")[2].replace("\\\n", " ")
    words = [word for line in re.findall(r"^ENV (.*)$", last, re.M) for word in line.split()]
    return dict(word.split("=", 1) for word in words if word.startswith("PRISMREC_"))


def environment(container: Document, resources: list[Document]) -> dict[str, str]:
    """The variables that a container gets, as Kubernetes works them out. Raises KeyError for one from a secret."""
    maps = {r["metadata"]["name"]: r["data"] for r in resources if r["kind"] == "ConfigMap"}
    found: dict[str, str] = {}
    for source in container.get("envFrom", ()):
        found |= maps[source["configMapRef"]["name"]]
    for variable in container.get("env", ()):
        found[variable["name"]] = variable["value"]
    return found


def secret_files(pod: Document, container: Document, secrets: Document) -> dict[str, str]:
    """path -> content of the secrets that a container finds mounted; secrets: name -> {key: value}."""
    of_volume = {v["name"]: v["secret"]["secretName"] for v in pod["volumes"] if "secret" in v}
    return {
        f"{mount['mountPath']}/{key}": value
        for mount in container["volumeMounts"]
        for key, value in secrets.get(of_volume.get(mount["name"], ""), {}).items()
    }


def variables_from_secrets(resources: list[Document]) -> list[str]:
    """Where a secret stands in an environment, which children inherit and crash reports show."""
    found = []
    for container in (c for key in ("initContainers", "containers") for c in pod_of(resources)[key]):
        found += [
            f"{container['name']}: {s['secretRef']['name']}" for s in container.get("envFrom", ()) if "secretRef" in s
        ]
        found += [
            f"{container['name']}: {v['name']}"
            for v in container.get("env", ())
            if "secretKeyRef" in v.get("valueFrom", {})
        ]
    return found
