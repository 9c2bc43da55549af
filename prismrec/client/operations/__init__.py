# Made by `make client` from openapi/openapi.json; do not edit.
"""Every operation of the API as a method."""

from prismrec.client.operations.catalogue import AsyncCatalogueCalls, CatalogueCalls
from prismrec.client.operations.coldstart import AsyncColdstartCalls, ColdstartCalls
from prismrec.client.operations.explain import AsyncExplainCalls, ExplainCalls
from prismrec.client.operations.map import AsyncMapCalls, MapCalls
from prismrec.client.operations.operations import AsyncOperationsCalls, OperationsCalls
from prismrec.client.operations.recommend import AsyncRecommendCalls, RecommendCalls
from prismrec.client.operations.users import AsyncUsersCalls, UsersCalls

__all__ = ["API_VERSION", "AsyncOperations", "Operations"]
API_VERSION = "0.1.0"
"""The version of the API that these were made from."""


class Operations(RecommendCalls, ExplainCalls, ColdstartCalls, MapCalls, CatalogueCalls, UsersCalls, OperationsCalls):
    """All operations."""


class AsyncOperations(
    AsyncRecommendCalls,
    AsyncExplainCalls,
    AsyncColdstartCalls,
    AsyncMapCalls,
    AsyncCatalogueCalls,
    AsyncUsersCalls,
    AsyncOperationsCalls,
):
    """All operations, to be awaited."""
