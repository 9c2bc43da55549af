"""The models served: folders found, verified, warmed, swapped by one assignment, and split among users."""
