"""Are the planted factors of synthetic data found again? Over seeds, noise, correlation and popularity skew."""
