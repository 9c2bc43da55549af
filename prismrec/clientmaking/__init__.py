"""The client's models, methods and problem classes, written from openapi.json: `python -m prismrec.clientmaking`."""
