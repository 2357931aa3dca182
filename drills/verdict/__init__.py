"""Verdicts: pure functions from recorded samples and checks to PASS, FAIL, INCONCLUSIVE or NOT_RUN."""
