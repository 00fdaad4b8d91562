"""Structured events with a correlation id, in three lines."""
