"""The command `prismrec`: the only package that knows both training and service."""
