"""Results on stdout, notes on stderr."""

from __future__ import annotations

import io
import json

import pytest

from prismrec.session import Session, table_of


def show(console):
    console.print(table_of("T", ("name", ">n"), [("[red]not markup", 3)]))


def test_result_with_json_is_one_document():
    out = io.StringIO()
    Session(json=True, stdout=out).result({"a": [1, 2]}, show)
    assert json.loads(out.getvalue()) == {"a": [1, 2]}


def test_result_with_json_refuses_nan():
    with pytest.raises(ValueError, match="JSON"):
        Session(json=True, stdout=io.StringIO()).result({"a": float("nan")}, show)


def test_result_without_json_is_the_table_as_it_was_given():
    out = io.StringIO()
    Session(stdout=out).result({}, show)
    assert "[red]not markup" in out.getvalue()


def test_note_goes_to_stderr_and_quiet_silences_it(capsys):
    Session().note("hello")
    Session(quiet=True).note("silent")
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "hello\n")


def test_progress_without_terminal_is_a_line_a_quarter(capsys):
    with Session().progress("loading", 10) as reach:
        for done in range(1, 11):
            reach(done)
    assert capsys.readouterr().err.splitlines() == [
        "loading: 3 of 10",
        "loading: 5 of 10",
        "loading: 8 of 10",
        "loading: 10 of 10",
    ]
