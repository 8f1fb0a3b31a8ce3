"""Fit, predict, measure, compare and report both families on the same splits."""
