"""How fast a model trains, beside the same model written the ordinary way. `python -m benchmarks.training`."""
