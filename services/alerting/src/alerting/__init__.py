"""Judges goals: lights, forecasts, causes, cases, reviews and notifications."""
