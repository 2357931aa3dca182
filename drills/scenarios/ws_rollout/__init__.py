"""The checklist of the WebSocket-only rollout, one module per item, in the order of the runbook."""
