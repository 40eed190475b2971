"""Shixian: deadline tracking and annual statistics for requests under a statutory time limit."""
