"""The embedded staging: a small, real system to drill, in processes of its own.

Nothing of the drill imports this tower except ``drills.target.embedded``; the drill sees it over HTTP, WebSocket and
the browser, as it would see any other staging.
"""
