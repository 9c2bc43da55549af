"""In CI a skipped test fails, unless its reason is among those that may be."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.skipping import may_skip

ROOT = Path(__file__).resolve().parents[1]
TESTS = """
import pytest

def test_green(): pass
def test_allowed(): pytest.skip("NO BROWSER: none here")
def test_other(): pytest.skip("NOT TESTED: nobody knows why")
@pytest.mark.skipif(True, reason="not today")
def test_marked(): pass
@pytest.fixture
def missing(): pytest.skip("NO POSTGRESQL: nothing is tested with it")
def test_fixture(missing): pass
@pytest.mark.xfail(reason="known")
def test_known(): assert False
"""
MODULE = "import pytest\npytest.importorskip('no_such_module_at_all')\ndef test_never(): pass\n"


def run(folder: Path, ci: str) -> tuple[int, str]:
    """pytest with nothing but this plugin, in a process of its own."""
    (folder / "test_some.py").write_text(TESTS)
    (folder / "test_module.py").write_text(MODULE)
    command = [sys.executable, "-m", "pytest", "-p", "tests.skipping", "-c", os.devnull, "-p", "no:cacheprovider"]
    command += ["-q", "-rA", "--continue-on-collection-errors", "--rootdir", str(folder), str(folder)]
    environment = {**os.environ, "CI": ci, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, done.stdout


def test_skips_outside_ci_are_green(tmp_path: Path) -> None:
    code, told = run(tmp_path, "")
    assert code == 0, told
    assert "1 passed, 5 skipped, 1 xfailed" in told


def test_skips_in_ci_fail_but_for_those_that_are_named(tmp_path: Path) -> None:
    code, told = run(tmp_path, "true")
    assert code == 1
    assert "1 failed, 1 passed, 1 skipped, 1 xfailed, 3 errors" in told
    assert told.count("tests/skipping.py does not allow") >= 4
    assert "nobody knows why" in told


@pytest.mark.parametrize(
    ("reason", "may"),
    [
        ("NO MOVIELENS DATA: /data has none of them", True),
        ("Skipped: NO ml-1m in /data", True),
        ("NO POSTGRESQL: nothing is tested with it", False),
        ("NO STRACE: no call of the system is failed", False),
        ("NO PTRACE: strace may not attach here", True),
        ("NOT TESTED: the proxy, there is no haproxy", False),
        ("NOT TESTED: Prometheus' files, there is no promtool", False),
        ("NOT TESTED: pip-audit is not installed (make supply brings it)", True),
        ("could not import 'schemathesis'", False),
        ("unconditional skip", False),
        ("", False),
    ],
)
def test_reasons_are_told_apart(reason: str, *, may: bool) -> None:
    assert may_skip(reason) is may
