"""The bench without processes of its own: the same work, without the seconds of their imports."""

from __future__ import annotations


class InThisProcess:
    """Stands in for the pool."""

    def __init__(self, **_: object) -> None: ...

    def __enter__(self) -> InThisProcess:
        return self

    def __exit__(self, *_: object) -> None: ...

    def submit(self, function, *arguments):
        self.found = function(*arguments)
        return self

    def result(self):
        return self.found
