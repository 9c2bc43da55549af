"""How well the axes of a latent space line up with known factors, as a whole: one file for each measure.

codes [n, d]: the mean mu of each user; factors [n, g]: what is known of the same users. A factor that does not vary
over the users counts 0 everywhere: leave it out before (`space.varying_columns`).
"""
