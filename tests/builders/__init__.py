"""A correct bundle in under a second, without torch, and every way to spoil one.

    folder = make_bundle(tmp_path / "models")              # models/demo/1, written by bundle.writer
    model = builder_model()                                # its numpy twin: recompute what the graphs must answer
    damage(folder, "flipped-bit")                          # see DAMAGES for the kinds
    make_bundle(tmp_path / "models", linear=True)          # the same with a fourth graph, see tests.builders.linear
    make_bundle(tmp_path / "models", steering=True)        # and with a fifth

What is planted (n_latent = 4): factor 0 positive = Comedy, negative = Horror; factor 1 positive = the newest decade,
negative = the oldest; factor 2 positive = Drama but ambiguous with rating, negative undecoded; the last factor is
inactive and undecoded. Further latents are active and undecoded.
"""

from __future__ import annotations

from tests.builders.damage import DAMAGES, damage, edit_manifest
from tests.builders.folder import builder_catalogue, make_bundle, make_payload
from tests.builders.linear_damage import LINEAR_DAMAGES, linear_damage
from tests.builders.model import BuilderModel, builder_model
from tests.builders.steering_damage import STEERING_DAMAGES, steering_damage

__all__ = [
    "DAMAGES",
    "LINEAR_DAMAGES",
    "STEERING_DAMAGES",
    "BuilderModel",
    "builder_catalogue",
    "builder_model",
    "damage",
    "edit_manifest",
    "linear_damage",
    "make_bundle",
    "make_payload",
    "steering_damage",
]
