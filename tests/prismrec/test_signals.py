"""Ctrl-C, for real: in training it keeps the best epoch, in serving it is the ordinary way to stop."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.demo import DATA, TINY, command

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

TRAINING = ("-o", "run", "--model", "mult-vae", "--set", "latent=4", "--set", "hidden=16", "--set", "epochs=25")
QUICK_DECODE = ("--set", "permutations=60", "--set", "bootstraps=40", "--set", "samples=16", "--force", "a test")
WAIT_SECONDS = 120.0
AS_ON_A_TERMINAL = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job may have inherited that it is ignored
from prismrec.__main__ import main
sys.exit(main())
"""


def start(*words: str, cwd: Path) -> subprocess.Popen[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PRISMREC_")} | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-c", AS_ON_A_TERMINAL, *words],
        cwd=cwd,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def read_until(process: subprocess.Popen[str], said: str, times: int = 1) -> list[str]:
    """The lines up to the `times`-th that holds `said`; fails with what was printed when the process ends before."""
    lines: list[str] = []
    assert process.stdout is not None
    for line in process.stdout:
        lines.append(line.rstrip("\n"))
        times -= said in line
        if times == 0:
            return lines
    raise AssertionError("\n".join(lines))


def test_interrupted_training_keeps_the_best_epoch_and_resumes(tmp_path):
    assert command("data", "synth", "data", "--users", "800", "--items", "200", cwd=tmp_path).returncode == 0
    process = start("train", "data", *TRAINING, "--set", "patience=25", cwd=tmp_path)
    read_until(process, "| epoch", times=2)
    process.send_signal(signal.SIGINT)
    rest = process.communicate(timeout=WAIT_SECONDS)[0]
    assert process.returncode == 130, rest
    assert rest.splitlines()[-2] == "error: interrupted"
    assert rest.splitlines()[-1] == "hint: run the same command again with --resume added: it goes on where it stopped"
    assert (tmp_path / "run" / "best.pt").exists()

    again = command("train", "data", *TRAINING, "--set", "patience=25", cwd=tmp_path)
    assert again.returncode == 2
    assert "--resume" in again.stderr
    resumed = command("train", "data", *TRAINING, "--set", "patience=25", "--resume", cwd=tmp_path)
    assert resumed.returncode == 0, resumed.stderr
    assert "| epoch 0 |" not in resumed.stderr
    assert "| epoch 24 |" in resumed.stderr


def test_interrupted_standalone_goes_on_when_the_same_command_is_given_again(tmp_path):
    assert command("data", "synth", "data", "--users", "800", "--items", "200", cwd=tmp_path).returncode == 0
    words = ("standalone", "data", "--out", "models/x", "--no-serve", *TRAINING[2:], "--run", "run", *QUICK_DECODE)
    process = start(*words, cwd=tmp_path)
    read_until(process, "| epoch", times=2)
    process.send_signal(signal.SIGINT)
    rest = process.communicate(timeout=WAIT_SECONDS)[0]
    assert process.returncode == 130, rest
    assert rest.splitlines()[-1].startswith("hint: run the same command again: ")
    assert "--resume" not in rest

    again = command(*words, cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert "going on with the unfinished training" in again.stderr
    assert "| epoch 0 |" not in again.stderr


def test_standalone_serves_what_its_three_requests_ask_and_stops_on_ctrl_c(demo, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(demo.root, folder)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    process = start("standalone", str(DATA), "--out", "models/demo", "--port", port, *TINY, cwd=folder)
    try:
        read_until(process, "ready: ")
        requests = [line.strip() for line in read_until(process, "curl ", times=3)]
        for request in requests:
            reply = subprocess.run(
                ["bash", "-c", request.replace("curl ", "curl -sS --fail-with-body ", 1)],
                capture_output=True,
                text=True,
                timeout=30,
                check=False,
            )
            assert reply.returncode == 0, request + reply.stdout + reply.stderr
            assert demo.document["bundle_id"] in reply.stdout
        taken = command("serve", "--models", "models", "--port", port, cwd=folder)
        assert taken.returncode == 2
        assert "hint: " in taken.stderr
    finally:
        process.send_signal(signal.SIGINT)
        rest = process.communicate(timeout=30)[0]
    assert process.returncode == 0, rest
    assert "Traceback" not in rest
