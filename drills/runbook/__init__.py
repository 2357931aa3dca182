"""The runbook as data: what must be true before the rollout moves on."""
