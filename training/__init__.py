"""From a ratings file to a verified bundle: data, models, evaluation, decoding, export. Knows no HTTP."""
