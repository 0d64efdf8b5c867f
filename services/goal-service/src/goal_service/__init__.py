"""Owns goals, the fact store, progress and the directory."""
