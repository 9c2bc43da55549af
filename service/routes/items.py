"""/items and /conditions: the catalogue."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query, Request
from starlette.convertors import Convertor, register_url_convertor
from starlette.responses import Response

from service.http.asking import item_index
from service.http.cursors import decode_offset, encode_cursor, page_of
from service.http.openapi import errors
from service.http.operation import reply, resource
from service.http.showing import field_names, fields_of
from service.limits import LIMITS
from service.schemas.base import AN_ITEM, ItemId, ModelParameter, N, PageCursor, PageLimit, WholeNumber
from service.schemas.items import (
    ConditionFound,
    ConditionList,
    ItemDetail,
    ItemFound,
    ItemList,
    SimilarFound,
    SimilarList,
)
from service.state import answering, state_of

router = resource("catalogue")


class _Rest(Convertor[str]):
    """What is left of a path, slashes and line ends and all, and not nothing (which Starlette's own `path` allows)."""

    regex = "(?s:.+)"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("rest", _Rest())


@router.get("/items", response_model=ItemList, responses=errors("unknown-model", "no-bundle"))
async def list_items(
    request: Request,
    title: Annotated[str, Query(max_length=200, description="Words that the title must have.")] = "",
    limit: PageLimit = 20,
    cursor: PageCursor = None,
    model: ModelParameter = None,
) -> Response:
    """The catalogue, the most popular items first; `title` searches."""
    state = state_of(request)
    loaded = answering(request, model).loaded
    offset = decode_offset(cursor, loaded.bundle_id)
    found = state.titles.of(loaded).search(title, offset=offset, limit=limit + 1)
    show = fields_of(loaded.catalogue, field_names(loaded.catalogue))
    more = len(found) > limit
    return reply(
        ItemList(
            items=[
                ItemFound(item_id=loaded.catalogue.ids[ix], popularity=loaded.catalogue.popularity[ix], **show(ix))
                for ix in found[:limit]
            ],
            next_cursor=encode_cursor(loaded.bundle_id, str(offset + limit)) if more else None,
            bundle_id=loaded.bundle_id,
        )
    )


@router.get(
    "/items/{item_id:rest}/similar",
    response_model=SimilarList,
    responses=errors("unknown-item", "unknown-model", "no-bundle", "overloaded", "deadline"),
)
async def similar_items(
    request: Request,
    item_id: Annotated[ItemId, Path(description=AN_ITEM)],
    n: Annotated[N, WholeNumber] = 10,
    model: ModelParameter = None,
) -> Response:
    """The items nearest to one in the latent space."""
    state = state_of(request)
    loaded = answering(request, model).loaded
    ix = item_index(loaded.catalogue.idmap, item_id)
    found = await state.compute.run(loaded.similar, ix, n)
    show = fields_of(loaded.catalogue, field_names(loaded.catalogue))
    return reply(
        SimilarList(
            items=[
                SimilarFound(
                    item_id=loaded.catalogue.ids[item.item_ix],
                    rank=item.rank,
                    similarity=item.similarity,
                    **show(item.item_ix),
                )
                for item in found
            ],
            bundle_id=loaded.bundle_id,
        )
    )


# An id may hold slashes, so it is the whole rest of the path; what comes after an id goes before it. An item whose id
# ends in /similar has no page of its own: /items lists it with all its fields.
@router.get(
    "/items/{item_id:rest}", response_model=ItemDetail, responses=errors("unknown-item", "unknown-model", "no-bundle")
)
async def get_item(
    request: Request, item_id: Annotated[ItemId, Path(description=AN_ITEM)], model: ModelParameter = None
) -> Response:
    """One item with all its fields."""
    loaded = answering(request, model).loaded
    ix = item_index(loaded.catalogue.idmap, item_id)
    show = fields_of(loaded.catalogue, field_names(loaded.catalogue))
    return reply(
        ItemDetail(item_id=item_id, popularity=loaded.catalogue.popularity[ix], bundle_id=loaded.bundle_id, **show(ix))
    )


@router.get("/conditions", response_model=ConditionList, responses=errors("unknown-model", "no-bundle"))
async def list_conditions(
    request: Request, limit: PageLimit = LIMITS.page, cursor: PageCursor = None, model: ModelParameter = None
) -> Response:
    """What `condition.genres` may name, and which of it the model itself understands."""
    loaded = answering(request, model).loaded
    attribute = loaded.condition_attribute
    soft = set(loaded.soft_values)
    counts = [] if attribute is None else attribute.members.sum(axis=0).tolist()
    values = () if attribute is None else attribute.values
    page = page_of(list(zip(values, counts, strict=True)), loaded.bundle_id, cursor=cursor, limit=limit)
    return reply(
        ConditionList(
            attribute=None if attribute is None else attribute.name,
            items=[ConditionFound(value=value, soft=value in soft, n_items=count) for value, count in page.items],
            next_cursor=page.next_cursor,
            bundle_id=loaded.bundle_id,
        )
    )
