"""What test_readme.py relies on: a document that lies must be found out."""

from __future__ import annotations

import pytest

from tests.documents import blocks, difference

REPLY = '{"items": [{"item_id": "7", "score": 1.5}, {"item_id": "9", "score": 2}], "source": "model", "reason": null}'


@pytest.mark.parametrize(
    "shown",
    [
        REPLY,
        '{"items": [{"item_id": "1", "score": 3}], "source": "x", "reason": "why"}',
        '{"items": [{"item_id": "1", "score": 3}, "..."], "...": "..."}',
        '{"items": [], "source": "x", "reason": null}',
        "",
    ],
)
def test_difference_json_of_the_same_shape_is_none(shown):
    assert difference(shown, REPLY) is None


@pytest.mark.parametrize(
    "shown",
    [
        '{"items": [{"item_id": "1"}], "source": "x", "reason": null}',
        '{"items": [{"item_id": "1", "score": "3"}], "source": "x", "reason": null}',
        '{"items": {}, "source": "x", "reason": null}',
        '{"items": [], "source": "x"}',
        '{"items": [], "source": "x", "reason": null, "more": 1}',
    ],
)
def test_difference_json_of_another_shape_is_told(shown):
    assert difference(shown, REPLY) is not None


PRINTED = "PASS  python: 3.11.7\nPASS  disk: 76.3 GiB free\n12 of 12 checks passed\n"


@pytest.mark.parametrize(
    "shown", ["PASS  disk: 1 GiB free", "PASS python: 3.12.1\n...\n11 of 11 checks passed", "PASS ... free"]
)
def test_difference_text_with_other_numbers_is_none(shown):
    assert difference(shown, PRINTED) is None


@pytest.mark.parametrize("shown", ["FAIL  disk: 1 GiB free", "11 of 11 checks passed\nPASS python: 3.11.7", "PASS"])
def test_difference_text_that_does_not_come_is_told(shown):
    assert difference(shown, PRINTED) is not None


def test_blocks_are_found_with_their_orders(tmp_path):
    document = tmp_path / "D.md"
    document.write_text(
        "# D\n```console\n$ one \\\n  two\nout\n$ three\n```\n"
        "<!-- run: skip no network -->\n```bash\ngit clone x\n```\n"
        "<!-- run: exit 2 -->\n\n```python\nx = 1\n```\n```json\n{}\n```\n"
    )
    console, bash, python = blocks(document, "D.md")
    assert [(step.command.split(), step.shown) for step in console.steps()] == [
        (["one", "two"], "out"),
        (["three"], ""),
    ]
    assert (bash.skip, bash.name) == ("no network", "D.md:9:bash")
    assert (python.exit_code, python.text) == (2, "x = 1")
