"""Docstrings from descriptions."""

from __future__ import annotations

import textwrap

WIDTH = 120
QUOTES = 3


def docstring(text: str, indent: int = 4) -> str:
    """A docstring of the text, indented; a paragraph with a line that is too long is wrapped anew."""
    safe = text.strip().replace("\\", "\\\\").replace('"""', "'''")
    lines = [line for paragraph in safe.split("\n\n") for line in ["", *_lines(paragraph, indent)]][1:]
    margin = " " * indent
    if len(lines) == 1 and not lines[0].endswith('"') and len(lines[0]) + indent + 2 * QUOTES <= WIDTH:
        return f'{margin}"""{lines[0]}"""'
    body = "".join("\n" + f"{margin}{line}".rstrip() for line in lines[1:])
    return f'{margin}"""{lines[0]}{body}\n{margin}"""'


def _lines(paragraph: str, indent: int) -> list[str]:
    room = WIDTH - indent - QUOTES
    lines = paragraph.split("\n")
    if all(len(line) <= room for line in lines):
        return lines
    return textwrap.wrap(paragraph, room, break_long_words=False, break_on_hyphens=False)


def sentence(text: str) -> str:
    """With a full stop."""
    text = text.strip()
    return text if not text or text.endswith((".", "!", "?")) else f"{text}."
