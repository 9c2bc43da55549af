"""Sentences: what they name (`choice`), by which thresholds, and in whose words (`phrases`, `english`)."""
