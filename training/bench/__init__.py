"""Every model and baseline on one split, each in a process of its own: the tables of docs/results/."""
