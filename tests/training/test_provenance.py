from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from training.provenance import code_digest, git_state, library_versions


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    code = tmp_path / "repo" / "code"
    code.mkdir(parents=True)
    (code / "a.py").write_text("a = 1\n")
    git(tmp_path / "repo", "init", "-q")
    git(tmp_path / "repo", "add", "code")
    git(tmp_path / "repo", "commit", "-q", "-m", "a")
    return code


def test_git_state_names_the_commit_and_whether_it_was_changed(checkout: Path) -> None:
    clean = git_state(checkout)
    assert clean is not None
    assert len(clean.commit) == 40
    assert not clean.dirty
    (checkout / "a.py").write_text("a = 2\n")
    changed = git_state(checkout)
    assert changed is not None
    assert changed.dirty
    assert changed.commit == clean.commit


def test_git_state_of_a_folder_that_is_not_tracked_is_none(checkout: Path, tmp_path: Path) -> None:
    """An environment inside somebody's own project must not report that project's commit."""
    installed = checkout.parent / "site-packages"
    installed.mkdir()
    (installed / "b.py").write_text("b = 1\n")
    assert git_state(installed) is None
    assert git_state(tmp_path) is None


def test_library_versions_are_those_in_use() -> None:
    versions = library_versions()
    assert versions["numpy"] == np.__version__
    assert "prismrec" in versions


def test_code_digest_changes_with_what_shapes_figures_and_with_nothing_else(tmp_path: Path) -> None:
    for name in ("models/vae.py", "export/pack.py", "notes.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("a = 1\n")
    before = code_digest(tmp_path)
    (tmp_path / "export" / "pack.py").write_text("a = 2\n")
    (tmp_path / "notes.md").write_text("b\n")
    assert code_digest(tmp_path) == before
    (tmp_path / "models" / "vae.py").write_text("a = 2\n")
    changed = code_digest(tmp_path)
    assert changed != before
    (tmp_path / "models" / "vae.py").rename(tmp_path / "models" / "dae.py")
    assert code_digest(tmp_path) not in (before, changed)
    assert len(code_digest()) == 12
