"""Staging drills that leave evidence: run the runbook, judge what was seen, publish what can be checked again."""
