"""The one place where an error becomes a line, a hint and an exit code.

0  done          1  a check failed (validate, verify, doctor, parity), or prismrec itself broke
2  bad use or bad input          130  interrupted

Every error tree of this project (bundle, training, service, settings, this one) carries `message` and `hint`.
"""

from __future__ import annotations

import sys
import traceback
from dataclasses import dataclass

import typer

CHECK_FAILED = 1
BAD_INPUT = 2
INTERRUPTED = 130

EXTRA_OF = {
    "serve": (
        *("fastapi", "httptools", "orjson", "prometheus_client", "pydantic_settings", "structlog", "uvicorn"),
        *(("uvloop",) if sys.platform != "win32" else ()),
    ),
    "fetch": ("fsspec",),
    "postgres": ("psycopg", "psycopg_pool"),
    "load": ("polars",),
    "train": ("jinja2", "lightning", "matplotlib", "onnx", "onnxscript", "scipy", "tensorboard", "torch"),
}
"""The packages that an extra brings and the others do not; `train` brings those of `load`, too."""

OF_A_CHECK = frozenset({"ExportError"})
"""Errors that mean "the result did not pass", not "the input was wrong"."""


class CommandError(Exception):
    """Bad use or bad input that the command itself finds."""

    def __init__(self, message: str, *, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class InterruptedVerbError(CommandError):
    """Ctrl-C where the verb knows how to go on; the hint says it."""

    def __init__(self, *, hint: str) -> None:
        super().__init__("interrupted", hint=hint)


@dataclass(frozen=True, slots=True)
class Failure:
    """What the user sees of an error."""

    message: str
    hint: str
    code: int = BAD_INPUT


def failure_of(error: BaseException) -> Failure:
    """The failure that an exception means. Never raises; an exception nobody foresaw is said to be a defect."""
    if isinstance(error, KeyboardInterrupt | typer.Abort):
        return Failure("interrupted", "run the same command again; what was finished is kept", INTERRUPTED)
    if isinstance(error, InterruptedVerbError):
        return Failure(error.message, error.hint, INTERRUPTED)
    found = _ours(error) or _usage(error) or _missing_extra(error) or _invalid(error) or _system(error)
    if found is not None:
        return found
    name = type(error).__name__
    return Failure(f"prismrec broke: {name}: {error}", "run it again with -v and report what it prints", CHECK_FAILED)


def report(error: BaseException, *, verbose: bool) -> int:
    """Print `error: ...` and `hint: ...` on stderr (a traceback before them with -v); returns the exit code."""
    failure = failure_of(error)
    if verbose:
        traceback.print_exception(error, file=sys.stderr)
    sys.stderr.write(f"error: {_one_line(failure.message)}\nhint: {_one_line(failure.hint)}\n")
    return failure.code


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _ours(error: BaseException) -> Failure | None:
    message, hint = getattr(error, "message", None), getattr(error, "hint", None)
    if not isinstance(message, str) or not isinstance(hint, str):
        return None
    places = "; ".join(f"{place.pointer} {place.detail}" for place in getattr(error, "errors", ()))
    code = CHECK_FAILED if type(error).__name__ in OF_A_CHECK else BAD_INPUT
    return Failure(f"{message} ({places})" if places else message, hint, code)


def _usage(error: BaseException) -> Failure | None:
    """Typer's own errors. It carries click inside, so the class is known by what BadParameter derives from."""
    if not isinstance(error, typer.BadParameter.__mro__[2]):
        return None
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "prismrec"
    return Failure(error.format_message(), f"see `{path} --help`")  # type: ignore[attr-defined]


def _missing_extra(error: BaseException) -> Failure | None:
    if not isinstance(error, ModuleNotFoundError) or error.name is None:
        return None
    package = error.name.partition(".")[0]
    extra = next((extra for extra, packages in EXTRA_OF.items() if package in packages), "serve,train")
    hint = f"pip install 'prismrec[{extra}]'"
    if extra == "load":
        hint = f"pip install 'prismrec[train]'; for `prismrec load` alone 'prismrec[{extra}]' is enough, without torch"
    return Failure(f"this verb needs the package {package!r}", hint)


def _invalid(error: BaseException) -> Failure | None:
    """pydantic's ValidationError (settings, model options), again without importing pydantic."""
    if type(error).__name__ != "ValidationError" or not hasattr(error, "errors"):
        return None
    places = [f"{'.'.join(map(str, e['loc'])) or 'settings'}: {e['msg']}" for e in error.errors(include_input=False)]
    return Failure("a setting is not usable: " + "; ".join(places), "check the PRISMREC_* variables, -c FILE and --set")


def _system(error: BaseException) -> Failure | None:
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        hint = "check the path, its permissions and the space left on the disk"
        return Failure(f"{where}{error.strerror or error}", hint)
    if isinstance(error, MemoryError):
        return Failure("this machine has not enough memory for that", "use a smaller data set or a larger machine")
    return None
