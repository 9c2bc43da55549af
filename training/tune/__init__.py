"""Hyper-parameters chosen on the validation users: a search by Optuna that can be stopped and gone on with."""
