"""What may be chosen about decoding. None of it changes the model."""

from __future__ import annotations

from pydantic import Field

from training.models.base import ModelConfig


class DecodeOptions(ModelConfig):
    """Sample sizes, levels and the seed of decoding; all of them are saved in the map's settings."""

    top_k: int = Field(default=100, ge=1, le=10_000, description="items of a list that count, renormalised")
    users: int = Field(default=128, ge=1, le=100_000, description="users whose z_i is moved (relative method)")
    samples: int = Field(default=48, ge=1, le=100_000, description="points sampled from each half (absolute method)")
    permutations: int = Field(
        default=1000, ge=1, le=1_000_000, description="shuffles of the items' attributes under the null"
    )
    bootstraps: int = Field(default=1000, ge=20, le=100_000, description="resamples behind each 95 % interval")
    level: float = Field(default=0.05, gt=0.0, lt=1.0, description="false discovery rate (Benjamini-Hochberg)")
    # 0.005 bits: a value that has a fifth of the list gains 7 points, 0.7 items of a top-10.
    min_effect: float = Field(default=0.005, ge=0.0, le=1.0, description="bits; a smaller effect is not worth a name")
    min_growth: float = Field(
        default=1.5,
        ge=1.0,
        le=1000.0,
        description="a value whose share of the lists grows by this factor is worth it",
    )
    min_share: float = Field(default=0.005, ge=0.0, le=1.0, description="if that is then at least this share of them")
    tail: float = Field(default=0.025, gt=0.0, lt=0.5, description="z_i is moved to this quantile and to 1 minus it")
    active_kl: float = Field(
        default=0.01, ge=0.0, description="at or below this mean KL (nats) a dimension is inactive"
    )
    examples: int = Field(default=5, ge=0, le=50, description="example items at each end of a factor")
    max_values: int = Field(default=200, ge=2, le=10_000, description="an attribute with more values is left out")
    map_users: int = Field(default=1000, ge=2, le=20_000, description="users projected for the latent map's picture")
    probe_users: int = Field(default=20_000, ge=10, le=1_000_000, description="users behind each probe direction")
    steer_users: int = Field(
        default=128, ge=1, le=100_000, description="held-out users moved along every axis and direction"
    )
    orthogonal: str = Field(
        default="", description="attributes (a,b) whose values' directions are made uncorrelated with each other"
    )
    orthogonal_to: str = Field(
        default="", description="attributes or values (a,b:v) that are projected out of all other directions"
    )
    seeds: int = Field(
        default=0, ge=0, le=100, description="retrainings over which stability is measured; 0 = not measured"
    )
    min_stability: float = Field(
        default=0.5, ge=0.0, le=1.0, description="a half that fewer of the retrainings read the same is ambiguous"
    )
    seed: int = Field(default=0, ge=0, description="of every sample, shuffle and resample")
