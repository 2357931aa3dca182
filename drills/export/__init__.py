"""The runbook's gates written out for the systems that people already run."""
