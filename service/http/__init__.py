"""The HTTP side below the routes: connections, bodies, keys, workers, problems, the OpenAPI document."""
