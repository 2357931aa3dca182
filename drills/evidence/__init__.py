"""What a drill saw, written down as it happened: ledger, artefacts, redaction, provenance."""
