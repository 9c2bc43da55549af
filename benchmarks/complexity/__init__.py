"""Which figure of a data set predicts the epochs until the latents are active? `python -m benchmarks.complexity`."""
