"""R12 as the kernel sees it: whatever name a path has, nothing but models and store is tried to be opened."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.builders import make_bundle
from tests.faults.injecting import opening, skip_without_strace
from tests.faults.odd_names import ODD, get, paths_of
from tests.faults.serving import serving

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

CODE = (*(Path(sysconfig.get_path(name)) for name in ("stdlib", "purelib")), Path(__file__).parents[2] / "service")
SYSTEM = (Path("/proc"), Path("/sys/fs/cgroup"))
"""How much memory there is, for the metrics and before a bundle is loaded."""

OPENS_LATER = "import sqlite3, sys; input(); sqlite3.connect(sys.argv[1]).execute('SELECT * FROM sqlite_master')"


def test_r12_no_name_makes_the_process_open_anything_but_models_and_store(tmp_path: Path) -> None:
    skip_without_strace()
    make_bundle(tmp_path / "models")
    with (
        serving(tmp_path) as service,
        service.holds("prismrec_requests_total", status="404"),
        opening(service.process.pid) as opened,
    ):
        for template in paths_of(service):
            start, _, rest = template.partition("{")
            for name in ODD:
                assert get(service, start + name + rest.partition("}")[2]) in {400, 404, 405, 422}
        service.reload_anew()
    ours = {path for path in opened if not any(path.is_relative_to(folder) for folder in (*CODE, *SYSTEM))}
    assert any(path.is_relative_to(service.models) for path in ours), "the control: what is opened is seen"
    strange = {path for path in ours if not path.is_relative_to(service.models)}
    assert {path.name.partition("-")[0] for path in strange} <= {"store.sqlite"}
    assert {path.parent for path in strange} <= {tmp_path}


def test_r12_control_file_that_is_opened_from_c_is_seen(tmp_path: Path) -> None:
    skip_without_strace()
    path = tmp_path / "some.sqlite"
    command = [sys.executable, "-c", OPENS_LATER, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process, opening(process.pid) as opened:
        process.communicate(b"now")
    assert path in opened
