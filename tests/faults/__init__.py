"""Faults on real processes. Short in CI; `make faults` kills a hundred times (KILLS=n: n times)."""
