"""A process that the first one started (training/together.py): it gets its job, trains along, and ends with the first.

    python -m training.other        the job is a pickle on stdin, which stays open as long as the first process lives

What went wrong goes to stdout as one JSON object, for the first to say.
"""

from __future__ import annotations

import json
import os
import pickle
import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from training.together import Job


def main() -> int:
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no answer
    try:
        job: Job = pickle.load(sys.stdin.buffer)  # noqa: S301 - from the process that started this one
        threading.Thread(target=_end_with_the_first, daemon=True).start()
        train_along(job)
    except Exception as error:  # noqa: BLE001 - whatever it is, the first process says it
        message, hint = getattr(error, "message", None), getattr(error, "hint", None)
        if message is None:
            message = f"process {job.world.rank} broke: {type(error).__name__}: {error}"
            hint = "train again with --devices 1 to see whether it is the data or this machine"
        json.dump({"message": message, "hint": hint}, out)
        out.flush()
        return 1
    return 0


def train_along(job: Job) -> None:
    """This process' share of the training; nothing is returned, the first has the same weights."""
    from training.callbacks import StepWatch
    from training.interrupt import Interrupt
    from training.loop import run_loop, set_up
    from training.progress import Silence
    from training.quiet import quiet, torch_state
    from training.together import together

    run = job.options.run
    with torch_state(seed=run.seed, threads=run.threads), quiet(), together(job):
        run_loop(set_up(job, watch=StepWatch(Silence(), Interrupt())), job)


def _end_with_the_first() -> None:
    os.read(0, 1)  # nothing more is sent: this returns when the first process has ended
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
