"""Sync tokens, which let a client onto the Khala lane."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import httpx2

from drills.errors import TargetUnreachable

ANSWER_SECONDS = 5.0
TOKEN_RENEWAL_SECONDS = 120.0


def mint_token(token_url: str, session: Mapping[str, str], scope: str, register: Callable[[str], object]) -> str:
    """Return a sync token for ``scope``, asked for with the headers of a ``session``.

    It is handed to ``register`` so that it can be redacted everywhere.

    Raises:
        TargetUnreachable: no token was given.
    """
    try:
        answer = httpx2.post(
            token_url,
            json={"scopes": [scope]},
            headers=dict(session),
            timeout=ANSWER_SECONDS,
            trust_env=False,
        )
        answer.raise_for_status()
        token = str(answer.json()["data"]["token"])
    except (httpx2.HTTPError, ValueError, KeyError, TypeError) as error:
        raise TargetUnreachable(f"no sync token from {token_url}: {error}", remedy="drill doctor") from None
    register(token)
    return token
