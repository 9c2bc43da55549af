"""What can go wrong offline. Every error says what to do: the command prints `hint` after the message.

TrainingError
 +- DataError      the data cannot be read or is not enough to work with
 +- ConfigError    a setting is unknown, out of bounds or contradicts another
 +- FitError       training broke (NaN loss) or its run folder is not usable
 |   +- NothingKeptError   Ctrl-C came before there was a checkpoint
 +- DecodeError    the latent space cannot be decoded as asked
 +- ExportError    the exported graphs do not answer as the model does, or the model is not worth exporting
"""

from __future__ import annotations


class TrainingError(Exception):
    """Base of all offline errors; message and hint are shown to the user as they are."""

    def __init__(self, message: str, *, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class DataError(TrainingError):
    pass


class ConfigError(TrainingError):
    pass


class FitError(TrainingError):
    pass


class DecodeError(TrainingError):
    pass


class ExportError(TrainingError):
    pass


class NothingKeptError(FitError):
    """Training was stopped by Ctrl-C before it had a checkpoint to keep."""
