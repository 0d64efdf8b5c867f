"""Trials: a whole system under a known load, compared with a truth that the services never see."""
