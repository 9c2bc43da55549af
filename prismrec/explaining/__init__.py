"""Explanations measured: the service's own engine on the held-out users of a finished run."""
