"""The words of the page: what counts, and how its tables are read."""

from __future__ import annotations

from typing import Final

from benchmarks.recovery.tally import LOST, PURE, SPREAD

GOAL: Final = 19
GOAL_OF: Final = 20

DEFINITIONS: Final = f"""## What counts as found

From the evidence in `factors.json` alone, each active dimension makes one claim at most by each method:

- *relative* (magnitude of change): of its significant cells (Benjamini-Hochberg, 5 %) in either half the one with the
  largest Jensen-Shannon divergence, and the value that grows most there;
- *absolute* (spectrum sampling): of its significant cells the one with the largest information gain, and the value of
  highest lift there.

Of several dimensions that claim an attribute the loudest counts; no dimension speaks for two. The claim is *true* if
the planted taste that goes best with mu of that dimension (largest |correlation| over the training users) is that
attribute's. Its *half is right* if the value named lies at the end that the sign of the correlation puts there; the
middle bin of a number is no end. **Relative 3 of 3**: true for genre, year and rating. **Absolute 3 of 3**: true, and
the half right, for all three. *Pure*: besides, no claim's dimension has an r² with another taste above
{PURE:.0%} of that with the one it names.
"""

FACTORS_HEAD: Final = """## Factor by factor

The default data, means over the runs. *In histories*: multiple correlation of the taste with the users' genre shares,
mean year and mean rating, the most there is to find. *In all latents*: the same with mu of the active dimensions.
*Best axis*: |correlation| with the dimension that goes best with it; *beside*: of that dimension with another taste;
*KL* of it in nats (an autoencoder has none).

| | factor | in histories | in all latents | best axis | beside | KL | relative | absolute |
|---|---|---|---|---|---|---|---|---|"""

REASONS: Final = {
    "lost": f"all latents together hold less than {LOST:.0%} of what the histories tell of the taste (r²): the KL term "
    "or the training left it out",
    "spread": f"no single latent holds {SPREAD:.0%} of what they hold together (r²): the axes are turned against it",
    "mixed": "the latent that holds most of it holds more of another taste",
    "faint": "one latent carries it, but what it does to the lists is not significant, or another attribute does more",
}

MECHANISMS: Final = """What to expect: the likelihood does not care about axes (Locatello et al. 2019,
arXiv 1811.12359); those of an autoencoder lie anyhow. The diagonal posterior of a VAE prefers axes along which the
strengths differ and is indifferent between equal ones (Rolinek et al. 2019, arXiv 1812.06775): see how pure the claims
are at *equal strengths*. A larger beta leaves fewer latents worth their KL, at last not that of the weakest taste: see
the betas below. The absolute method draws from half of one latent's spectrum, all others at 0; the relative one goes to
its end: what is *faint* is missed by the absolute method first. Means over the default data:
"""

NULL_HEAD: Final = """## False positives

Every trained model is decoded a second time with each attribute's values shuffled over the items: whatever is called
significant then is false. If all is false, the false discovery rate is the share of maps in which anything is
significant; 5 % is promised. The control is the same models' maps with the true attributes.

| | maps | maps with a significant cell, relative | absolute | maps with a reading | cells, relative | cells, absolute \
| p <= 0.05 before correction | control: cells, relative | absolute | maps with a reading |
|---|---|---|---|---|---|---|---|---|---|---|"""
