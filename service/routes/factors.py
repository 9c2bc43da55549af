"""/factors and /latent/map: what the latent space encodes."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from fastapi import Path, Request
from starlette.responses import Response

from bundle.carriers import Carried, Carrier, Steered, Steers
from bundle.catalogue import Catalogue
from bundle.factors import Factor, Reading, Space
from service.errors import UnknownFactorError
from service.http.cursors import page_of
from service.http.openapi import errors
from service.http.operation import reply, resource
from service.limits import LIMITS
from service.schemas.base import FactorNumber, ModelParameter, PageCursor, PageLimit, WholeNumber
from service.schemas.carriers import CarriedFound, CarrierFound, SpaceFound, SteeredFound, SteersFound
from service.schemas.factors import (
    DirectionFound,
    EvidenceFound,
    Example,
    FactorDetail,
    FactorFound,
    FactorList,
    GuideFound,
    LatentMapReply,
    ReadingFound,
)
from service.state import answering

router = resource("map")


@router.get("/factors", response_model=FactorList, responses=errors("unknown-model", "no-bundle"))
async def list_factors(
    request: Request, limit: PageLimit = LIMITS.page, cursor: PageCursor = None, model: ModelParameter = None
) -> Response:
    """The decoded map: every factor with what its halves encode, and (on every page) the directions of values."""
    loaded = answering(request, model).loaded
    page = page_of(loaded.factors.factors, loaded.bundle_id, cursor=cursor, limit=limit)
    return reply(
        FactorList(
            items=[FactorFound(**_factor(loaded.catalogue, factor)) for factor in page.items],
            next_cursor=page.next_cursor,
            directions=[
                DirectionFound(attribute=d.attribute, value=d.value, sd=d.sd, r2=d.r2)
                for d in loaded.factors.directions
            ],
            carriers=[_carrier(carrier) for carrier in loaded.factors.carriers],
            space=_space(loaded.factors.space),
            notes=list(loaded.factors.notes),
            bundle_id=loaded.bundle_id,
        )
    )


@router.get(
    "/factors/{factor}",
    response_model=FactorDetail,
    responses=errors("unknown-factor", "unknown-model", "no-bundle"),
)
async def get_factor(
    request: Request,
    factor: Annotated[FactorNumber, WholeNumber, Path()],
    model: ModelParameter = None,
) -> Response:
    """One factor with all its evidence."""
    loaded = answering(request, model).loaded
    if not 0 <= factor < len(loaded.factors.factors):
        raise UnknownFactorError(f"the model has the factors 0 to {len(loaded.factors.factors) - 1}")
    found = loaded.factors.factors[factor]
    return reply(
        FactorDetail(
            **_factor(loaded.catalogue, found),
            quantiles=list(found.quantiles),
            evidence=[EvidenceFound(**msgspec.structs.asdict(evidence)) for evidence in found.evidence],
            bundle_id=loaded.bundle_id,
        )
    )


@router.get("/latent/map", response_model=LatentMapReply, responses=errors("unknown-model", "no-bundle"))
async def latent_map(request: Request, model: ModelParameter = None) -> Response:
    """PCA of the training users' latents, without ids, and of the same users under each condition."""
    loaded = answering(request, model).loaded
    found = loaded.bundle.latent_map
    return reply(
        LatentMapReply(
            explained=list(found.explained),
            points=[list(point) for point in found.points],
            conditions=list(found.conditions),
            centroids=[list(centroid) for centroid in found.centroids],
            spreads=list(found.spreads),
            bundle_id=loaded.bundle_id,
        )
    )


def _factor(catalogue: Catalogue, factor: Factor) -> dict[str, Any]:
    return {
        "factor": factor.factor,
        "active": factor.active,
        "kl": factor.kl,
        "mean": factor.mean,
        "sd": factor.sd,
        "low": factor.quantiles[2],
        "median": factor.quantiles[50],
        "high": factor.quantiles[98],
        "status": factor.status,
        "half": factor.half,
        "attribute": factor.attribute,
        "value": factor.value,
        "negative": _reading(factor.negative),
        "positive": _reading(factor.positive),
        "examples_negative": _examples(catalogue, factor.examples_negative),
        "examples_positive": _examples(catalogue, factor.examples_positive),
        "stability": factor.stability,
        "match": factor.match,
        "guide": None if factor.guide is None else GuideFound(**msgspec.structs.asdict(factor.guide)),
        "steers": None if factor.steers is None else _steers(factor.steers),
    }


def _steered(steered: Steered) -> SteeredFound:
    return SteeredFound(**msgspec.structs.asdict(steered))


def _steers(steers: Steers) -> SteersFound:
    return SteersFound(attribute=steers.attribute, value=steers.value, steered=_steered(steers.steered))


def _carried(carried: Carried | None) -> CarriedFound | None:
    if carried is None:
        return None
    return CarriedFound(**{**msgspec.structs.asdict(carried), "steered": _steered(carried.steered)})


def _carrier(carrier: Carrier) -> CarrierFound:
    return CarrierFound(
        attribute=carrier.attribute,
        value=carrier.value,
        better=carrier.better,
        axis=_carried(carrier.axis),
        direction=_carried(carrier.direction),
    )


def _space(space: Space | None) -> SpaceFound | None:
    if space is None:
        return None
    found = msgspec.structs.asdict(space)
    return SpaceFound(**{name: found[name] for name in SpaceFound.model_fields})


def _reading(reading: Reading) -> ReadingFound:
    return ReadingFound(**{**msgspec.structs.asdict(reading), "rivals": list(reading.rivals)})


def _examples(catalogue: Catalogue, ids: tuple[str, ...]) -> list[Example]:
    known = catalogue.idmap.split(ids)
    return [Example(item_id=catalogue.ids[ix], title=catalogue.titles[ix]) for ix in known.indices]
