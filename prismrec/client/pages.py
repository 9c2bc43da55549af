"""Collections, page after page."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from typing import Protocol, TypeVar

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Page(Protocol[T_co]):
    """A page of a collection."""

    @property
    def items(self) -> Sequence[T_co]: ...

    @property
    def next_cursor(self) -> str | None: ...


def pages(fetch: Callable[[str | None], Page[T]]) -> Iterator[T]:
    """All entries; `fetch` asks for the page at a cursor. A page is asked for once the one before is used up."""
    cursor: str | None = None
    while True:
        page = fetch(cursor)
        yield from page.items
        cursor = page.next_cursor
        if cursor is None:
            return


async def async_pages(fetch: Callable[[str | None], Awaitable[Page[T]]]) -> AsyncIterator[T]:
    """The same, awaited."""
    cursor: str | None = None
    while True:
        page = await fetch(cursor)
        for entry in page.items:
            yield entry
        cursor = page.next_cursor
        if cursor is None:
            return
