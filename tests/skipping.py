"""What may be skipped in CI. A test that skips is green, so there anything that is not named here fails instead.

`.ci/run` sets CI=true and installs what the rest needs. The hooks are taken up by conftest.py.
"""

from __future__ import annotations

import os
import re
from collections.abc import Generator
from typing import Any

import pytest

ALLOWED: dict[str, str] = {
    r"NO MOVIELENS DATA|NO ml-|NO REFERENCE SPLIT|NO .* NOR ": "the data may not be passed on",
    r"NO PLAN: its cases": "the plan is not part of the repository",
    r"needs data of your own": "a block of the README that begins with the reader's data",
    r"NO BROWSER": "Chromium brings 143 other packages along",
    r"NOT TESTED: (docker compose|the compose profile)": "needs a Docker Engine; `make docker`",
    r"NOT TESTED: the systemd unit": "systemd is no part of a container",
    r"NOT TESTED: rendered Kubernetes manifests": "Debian's kubectl is of 2020; what needs no rendering is tested",
    r"NOT TESTED: prismrec fetch from s3": "`make clouds` installs the packages apart, and tests",
    r"NOT TESTED: .*\(make (supply|sbom) brings (it|them)\)": "tools of their own environment",
    r"NO RAY": "an extra of several hundred megabytes",
    r"NO NETWORK: the client": "a package index must answer",
    r"NO PTRACE|NO SMALL DISK|NO NETWORK NAMESPACE|NOT CUT OFF": "containers may forbid it",
    r"NOT TESTED: (a memory limit of the kernel|the memory of a load)": "containers may forbid it",
    r"NOT TESTED: this build of onnxruntime": "what is to be switched off is not in it",
    r"NOT A CHECKOUT": "an archive has no list of its files",
    r"there is a GPU here": "of a machine without one",
    r"\S+ takes no condition": "a case that this kind of model does not have",
}
"""The beginning of a reason, as a regular expression, and why it may be."""

REFUSED = "skipped, which tests/skipping.py does not allow in CI; install what is missing in .ci/run, or name it there"
_ALLOWED = re.compile("|".join(f"(?:{start})" for start in ALLOWED))


def may_skip(reason: str) -> bool:
    """Whether a test may be skipped for this reason in CI."""
    return _ALLOWED.match(reason.removeprefix("Skipped: ")) is not None


def _judged(report: pytest.TestReport | pytest.CollectReport) -> None:
    if os.environ.get("CI") != "true" or not report.skipped or hasattr(report, "wasxfail"):
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    if not may_skip(reason):
        report.outcome = "failed"
        report.longrepr = f"{REFUSED}: {reason}"


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport() -> Generator[None, Any, pytest.TestReport]:
    """A test, or what it asks for."""
    report: pytest.TestReport = yield
    _judged(report)
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report() -> Generator[None, Any, pytest.CollectReport]:
    """A whole module."""
    report: pytest.CollectReport = yield
    _judged(report)
    return report
