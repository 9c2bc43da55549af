"""Every error becomes one line, one hint and an exit code."""

from __future__ import annotations

import errno

import pytest
import typer

from bundle.errors import HashError, NoBundleError
from prismrec.failures import CommandError, failure_of, report
from service.errors import FieldError, InvalidRequestError, UnknownUserError
from training.errors import DataError, ExportError


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (CommandError("bad use", hint="do this"), 2, "bad use"),
        (DataError("no lines", hint="look"), 2, "no lines"),
        (ExportError("differs", hint="look"), 1, "differs"),
        (HashError("flipped"), 2, "flipped"),
        (NoBundleError("nothing there"), 2, "nothing there"),
        (UnknownUserError("no such user"), 2, "no such user"),
        (InvalidRequestError("bad", errors=[FieldError("/n", "too large")]), 2, "/n too large"),
        (FileNotFoundError(errno.ENOENT, "No such file or directory", "x.csv"), 2, "x.csv"),
        (ModuleNotFoundError("No module named 'torch'", name="torch"), 2, "'torch'"),
        (typer.BadParameter("not a number"), 2, "not a number"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (MemoryError(), 2, "memory"),
        (ZeroDivisionError("division by zero"), 1, "prismrec broke: ZeroDivisionError"),
    ],
)
def test_failure_of_any_error_has_message_hint_and_code(error, code, said):
    failure = failure_of(error)
    assert failure.code == code
    assert said in failure.message
    assert failure.hint


def test_failure_of_missing_package_names_the_extra():
    assert "prismrec[train]" in failure_of(ModuleNotFoundError("No module", name="torch.nn")).hint
    assert "prismrec[serve]" in failure_of(ModuleNotFoundError("No module", name="fastapi")).hint


def test_report_prints_two_lines_and_no_traceback(capsys):
    assert report(CommandError("one\ntwo", hint="three"), verbose=False) == 2
    assert capsys.readouterr().err == "error: one two\nhint: three\n"


def test_report_verbose_prints_the_traceback_too(capsys):
    with pytest.raises(CommandError) as caught:
        raise CommandError("x", hint="y")
    report(caught.value, verbose=True)
    printed = capsys.readouterr().err
    assert "Traceback" in printed
    assert printed.endswith("error: x\nhint: y\n")
