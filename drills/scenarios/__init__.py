"""The checklist of the Khala cutover, one module per item, in the order of the runbook."""
