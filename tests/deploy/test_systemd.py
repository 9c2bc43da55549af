"""deploy/systemd/prismrec.service: systemd finds nothing wrong with it, little is left open, and its settings exist."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from service.settings import Settings

UNIT = Path(__file__).resolve().parents[2] / "deploy" / "systemd" / "prismrec.service"
COMMAND = "/opt/prismrec/venv/bin/prismrec"
EXPOSURE = 20
"""Tenths, of systemd's own measure: an unguarded service has 96, and from 50 on systemd calls it medium."""


def said(folder: Path, text: str, *words: str) -> subprocess.CompletedProcess[str]:
    """What `systemd-analyze` says of a unit whose command exists on this machine."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("NOT TESTED: the systemd unit, there is no systemd-analyze (Debian: apt-get install systemd)")
    path = folder / UNIT.name
    path.write_text(text.replace(COMMAND, sys.executable))
    return subprocess.run(
        ["systemd-analyze", *words, str(path)], capture_output=True, text=True, timeout=60, check=False
    )


def verified(folder: Path, text: str) -> str:
    done = said(folder, text, "verify", "--man=no")
    return done.stdout + done.stderr + ("" if done.returncode == 0 else f"exit {done.returncode}")


def test_unit_passes_systemd_and_a_misspelt_one_does_not(tmp_path: Path) -> None:
    text = UNIT.read_text()
    assert verified(tmp_path, text) == ""
    assert verified(tmp_path, text.replace("LoadCredential=", "LoadCredentials=")) != "", "positive control"


def test_unit_leaves_little_open_and_an_unguarded_one_much(tmp_path: Path) -> None:
    words = ("security", "--offline=true", f"--threshold={EXPOSURE}")
    text = UNIT.read_text()
    done = said(tmp_path, text, *words)
    assert done.returncode == 0, done.stdout + done.stderr
    bare = re.sub(r"(?m)^(Protect|Private|Restrict|System|Capability).*\n", "", text)
    assert said(tmp_path, bare, *words).returncode != 0, "positive control"


def test_unit_sets_only_what_the_service_knows() -> None:
    named = {name.lower() for name in re.findall(r"PRISMREC_([A-Z_]+)=", UNIT.read_text())}
    assert {"models", "store_url", "read_keys_file"} <= named <= set(Settings.model_fields)
