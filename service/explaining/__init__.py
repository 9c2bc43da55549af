"""Why an item stands in a list: parts, places, fidelity, counterfactuals. Pure and synchronous: no HTTP, no clock."""
