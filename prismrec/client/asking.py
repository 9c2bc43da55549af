"""What the generated methods stand on: something that sends a call and gives its reply."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TypeVar

from prismrec.client.calls import Call, CallOptions

T = TypeVar("T")


class Asks(ABC):
    """Sends calls and waits for the replies."""

    @abstractmethod
    def _ask(self, call: Call[T], options: CallOptions | None) -> T:
        """The reply, or a ClientError."""


class AsyncAsks(ABC):
    """Sends calls and awaits the replies."""

    @abstractmethod
    async def _ask(self, call: Call[T], options: CallOptions | None) -> T:
        """The reply, or a ClientError."""
