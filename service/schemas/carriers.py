"""Parts of /factors: what a move does to lists, which way carries a value, and the latent space as a whole."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from bundle.factors import Half
from service.schemas.base import Wire


class SteeredFound(Wire):
    """What a move by one standard deviation did to the top-10 lists of users who took no part in training."""

    gain: float
    """Change of the value's share of a list, per standard deviation."""
    gain_low: float
    """Lower end of its 95 % interval."""
    gain_high: float
    """Upper end of its 95 % interval."""
    ndcg_kept: float | None
    """ndcg@100 after the move over that without; null = not measured."""


class SteersFound(Wire):
    """The value whose share of the lists a factor moves most; gain below 0: the negative half has it."""

    attribute: str
    """The attribute."""
    value: str
    """Its value."""
    steered: SteeredFound
    """What lists did when users were pushed along it."""


class CarriedFound(Wire):
    """How well one way carries a value; factor and half are null for a direction."""

    factor: int | None
    """Number of the latent dimension; null for a direction."""
    half: Half | None
    """The half with more of the value; null for a direction."""
    r2: float
    """Share of the variance of held-out users' taste that it explains."""
    r2_low: float
    """Lower end of its 95 % interval."""
    r2_high: float
    """Upper end of its 95 % interval."""
    steered: SteeredFound
    """What lists did when users were pushed along it."""


class CarrierFound(Wire):
    """Which of its best factor and its direction carries a value."""

    attribute: str
    """The attribute."""
    value: str
    """Its value."""
    better: Literal["axis", "direction", "neither"]
    """Which tells more of the value, the axis when close; neither: it is not carried. To steer, compare the gains."""
    axis: CarriedFound | None
    """The best single factor; null = none was tried."""
    direction: CarriedFound | None
    """The direction over all factors; null = there is none."""


class SpaceFound(Wire):
    """How well the factors line up with the users' tastes, over all of them; measured on users held out of training."""

    n_users: int
    """Users measured."""
    mean_r2: float
    """Of the best factor of each taste, squared correlation."""
    mean_gap: float
    """The same less that of the runner-up factor."""
    mig: float
    """Mutual information gap, adjusted for chance."""
    dci_disentanglement: Annotated[float, Field(description="By a lasso; compare equal numbers of factors only.")]
    dci_completeness: float
    """By a lasso."""
    dci_informativeness: float
    """By a lasso."""
    active: int
    """Factors in use."""
