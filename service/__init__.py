"""The torch-free service: verified bundles in, recommendations with reasons out."""
