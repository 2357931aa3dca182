"""Decisions about the rollout: what published drills and metrics say about leaving a stage, and their log."""
