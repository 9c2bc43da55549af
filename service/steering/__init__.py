"""What somebody wishes of a list (strengths, values, locks, preferences), and what came of it. Pure and synchronous."""
