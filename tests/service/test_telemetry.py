"""Nothing that we load sends anything anywhere by itself."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

THREADS = "import os; print(len(os.listdir('/proc/self/task')))"


def threads_after(imported: str, **environment: str) -> int:
    """How many threads a process has once it has imported something; one of onnxruntime's is its uploader."""
    given = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    code = f"import {imported}; {THREADS}"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=given | environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="NOT TESTED: threads are counted in /proc")
@pytest.mark.parametrize("package", ["service.graphs", "training, onnxruntime"])
def test_onnxruntime_is_loaded_without_its_uploader(package: str) -> None:
    quiet = threads_after("numpy, onnxruntime", ORT_DISABLE_TELEMETRY="1")
    assert threads_after(f"numpy, {package}") == quiet
    if threads_after("numpy, onnxruntime") == quiet:
        pytest.skip("NOT TESTED: this build of onnxruntime has no uploader")


def test_operator_who_wants_it_may_have_it() -> None:
    code = "import os, service; print(os.environ['ORT_DISABLE_TELEMETRY'])"
    environment = os.environ | {"ORT_DISABLE_TELEMETRY": "0"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.stdout == "0\n"
