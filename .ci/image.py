"""Whether the service's image holds what its requirements name, and nothing else.

    python .ci/image.py prismrec-service

Looks into the image (.ci/inside.py) instead of trusting the files it was built from: packages and versions, .pth files
(which run code at every start of Python), compilers, pip, torch, tests, .git. With --sbom FILE, the CycloneDX document
that was made from the requirements becomes one of the image: what is not there (packages of other platforms) leaves it,
Debian's packages join it. Exit 1 and a line for each thing that is wrong.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
REQUIREMENTS = HERE.parent / "requirements"
OURS = "prismrec"
NEVER = (
    "torch",
    "onnx",
    "polars",
    "lightning",
    "training",
    "pip",
    "setuptools",
    "wheel",
    "pytest",
    "tests",
    "ensurepip",
)
PTH_ALLOWED: Mapping[str, str] = {}
"""End of the path of a .pth file -> what it may say. Nothing that we install needs one."""

LINE = re.compile(r"^([a-z0-9][a-z0-9.-]*)==([^ ;\\]+)", re.M)
Facts = Mapping[str, Any]


def plain(name: str) -> str:
    """A package's name as the index has it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def named(parts: Iterable[str]) -> dict[str, str]:
    """name -> version of everything in requirements/<part>.txt."""
    return {
        name: version
        for part in parts
        for name, version in LINE.findall((REQUIREMENTS / f"{part}.txt").read_text("utf-8"))
    }


def problems(facts: Facts, allowed: Mapping[str, str]) -> list[str]:
    """What is wrong with an image of these facts, in words; allowed: name -> version of what may be installed."""
    installed = {plain(name): version for name, version in facts["packages"].items()}
    found = [f"{name} {version} is installed, and no requirements file names it"
             for name, version in sorted(installed.items()) if name not in {*allowed, OURS}]  # fmt: skip
    found += [f"{name} is {installed[name]}, the requirements say {version}"
              for name, version in sorted(allowed.items()) if installed.get(name, version) != version]  # fmt: skip
    if OURS not in installed:
        found.append(f"{OURS} is not installed")
    for path, said in sorted(facts["pth"].items()):
        if not any(path.endswith(end) and said == text for end, text in PTH_ALLOWED.items()):
            found.append(f"{path} runs at every start of Python: {said[:100]!r}")
    for folder, inside in sorted(facts["folders"].items()):
        found += [f"{folder} holds {name}" for name in inside if name.partition("-")[0].lower() in NEVER]
    found += [f"the command {name} is there" for name in facts["commands"]]
    found += [f"{path} is there" for path in facts["litter"]]
    if facts["user"] < 1000:
        found.append(f"it runs as user {facts['user']}")
    return found


def of_the_image(document: dict[str, Any], facts: Facts) -> list[str]:
    """Make a document of the requirements into one of the image, in place; returns what it lacked."""
    installed = {plain(name): version for name, version in facts["packages"].items() if plain(name) != OURS}
    there = [c for c in document["components"] if installed.get(plain(c["name"])) == c["version"]]
    listed = {plain(c["name"]) for c in there}
    document["components"] = there + [
        {
            "type": "library",
            "bom-ref": f"pkg:deb/debian/{name}@{version}",
            "purl": f"pkg:deb/debian/{name}@{version}",
            "name": name,
            "version": version,
        }
        for name, version in sorted(facts["debian"].items())
    ]
    refs = {c.get("bom-ref") for c in document["components"]} | {
        document["metadata"].get("component", {}).get("bom-ref")
    }
    document["dependencies"] = [
        {**d, "dependsOn": [ref for ref in d.get("dependsOn", ()) if ref in refs]}
        for d in document.get("dependencies", ())
        if d["ref"] in refs
    ]
    return [f"{name} {version} is installed, and the list lacks it" for name, version in sorted(installed.items())
            if name not in listed]  # fmt: skip


def facts_of(image: str) -> Facts:
    """Ask the image itself, without a network and without rights."""
    command = ["docker", "run", "--rm", "-i", "--network=none", "--read-only", "--cap-drop=ALL", "--entrypoint=python"]
    done = subprocess.run(  # noqa: S603 - an image's name, no shell
        [*command, image, "-"],
        input=(HERE / "inside.py").read_text("utf-8"),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        sys.exit(f"error: {image} cannot be looked into\nhint: is it built, and does Docker answer?\n{done.stderr}")
    facts: Facts = json.loads(done.stdout)
    return facts


def main() -> int:
    """Look, say what is wrong, return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("image")
    parser.add_argument("--add", default="", help="what it was built with as ADD, such as 's3 gs'")
    parser.add_argument("--sbom", type=Path, help="a CycloneDX file to make true")
    given = parser.parse_args()
    facts = facts_of(given.image)
    allowed = named(["service", *(f"add-{name}" for name in given.add.split())])
    found = problems(facts, allowed)
    if given.sbom:
        document = json.loads(given.sbom.read_text("utf-8"))
        found += of_the_image(document, facts)
        given.sbom.write_text(json.dumps(document, indent=2, sort_keys=True) + "\n", "utf-8")
    for line in found:
        sys.stderr.write(f"{given.image}: {line}\n")
    sys.stdout.write(
        f"{given.image}: {len(facts['packages'])} packages, {len(facts['debian'])} of Debian, "
        f"{len(facts['pth'])} .pth files, {len(found)} problems\n"
    )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
