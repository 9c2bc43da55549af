"""The classes of the problem codes."""

from __future__ import annotations

from prismrec.clientmaking.document import Document
from prismrec.clientmaking.texts import docstring, sentence
from prismrec.clientmaking.typing_of import quoted


def problem_module(document: Document) -> str:
    """One class for each code, and the table of them."""
    codes = document.codes()
    listed = sorted(codes, key=lambda code: (code.startswith("unknown-"), list(codes).index(code)))
    classes = [_class(document, code, codes[code]) for code in listed]
    table = ", ".join(f"{quoted(code)}: {class_name(code)}" for code in codes)
    return "\n".join(
        [
            '"""One exception for each problem code."""',
            "",
            "from __future__ import annotations",
            "",
            "from collections.abc import Mapping",
            "from types import MappingProxyType",
            "",
            "from prismrec.client.errors import ProblemError, UnavailableError",
            "",
            *classes,
            f"BY_CODE: Mapping[str, type[ProblemError]] = MappingProxyType({{{table}}})",
            '"""The class of each code."""',
            "",
        ]
    )


def class_name(code: str) -> str:
    """unknown-user -> UnknownUserError."""
    return "".join(part.title() for part in code.split("-")) + "Error"


def _class(document: Document, code: str, status: int | None) -> str:
    base = "UnavailableError" if status == 503 else "ProblemError"
    if code.startswith("unknown-"):
        base = "NotFoundError"
    example = document.examples.get(code)
    told = f"`{code}`" if status is None else f"`{code}` ({status})"
    if example is not None:
        told = f"{told}: {sentence(example['title'])}"
    return f"class {class_name(code)}({base}):\n{docstring(told)}\n\n"
