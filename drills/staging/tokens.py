"""Sync tokens: HS256 JWTs that say which topics their bearer may subscribe to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import jwt

from drills.clock import Clock
from drills.staging.documents import TOPICS
from drills.staging.settings import JwtKey

ALGORITHM = "HS256"
ISSUER = "openagents-runtime"
AUDIENCE = "openagents-khala-sync"
CLAIMS_VERSION = "oa_sync_claims_v1"
REQUIRED_CLAIMS = ("iss", "aud", "sub", "iat", "nbf", "exp", "jti", "oa_org_id", "oa_sync_scopes", "oa_claims_version")


class TokenRefusedError(Exception):
    """The token is not one of ours, or no longer (or not yet) valid."""


class ScopeRefusedError(Exception):
    """Some of the scopes asked for do not exist."""

    def __init__(self, scopes: Sequence[str]) -> None:
        super().__init__(f"these scopes are not known: {', '.join(scopes) or '(none given)'}")
        self.scopes = tuple(scopes)


@dataclass(frozen=True, slots=True)
class Subject:
    """Who a token speaks for."""

    user_id: str
    org_id: str


@dataclass(frozen=True, slots=True)
class Claims:
    """What a valid token says: its subject, the topics it opens, and when it ends."""

    subject: Subject
    topics: tuple[str, ...]
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Grant:
    """A freshly minted token. ``expires_in`` counts seconds."""

    token: str
    kid: str
    scopes: tuple[str, ...]
    subject: Subject
    issued_at: datetime
    expires_in: int


class TokenIssuer:
    """Mints tokens with the current key and accepts those of every known key."""

    def __init__(self, keys: Sequence[JwtKey], clock: Clock, ttl_seconds: int) -> None:
        self._secrets = {key.kid: key.secret.get_secret_value() for key in keys}
        self._current = next(key.kid for key in keys if key.current)
        self._clock = clock
        self._ttl = ttl_seconds

    def mint(self, subject: Subject, scopes: Sequence[str]) -> Grant:
        """Return a token for ``scopes``, each of which must be a topic.

        Raises:
            ScopeRefusedError: a scope is unknown, or none was given.
        """
        if not scopes or (unknown := [scope for scope in scopes if scope not in TOPICS]):
            raise ScopeRefusedError(unknown if scopes else ())
        now = self._clock.now().replace(microsecond=0)
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": subject.user_id,
            "iat": now,
            "nbf": now,
            "exp": now + timedelta(seconds=self._ttl),
            "jti": uuid4().hex,
            "oa_org_id": subject.org_id,
            "oa_sync_scopes": list(scopes),
            "oa_claims_version": CLAIMS_VERSION,
        }
        token = jwt.encode(claims, self._secrets[self._current], ALGORITHM, headers={"kid": self._current})
        return Grant(token, self._current, tuple(scopes), subject, now, self._ttl)

    def verify(self, token: str) -> Claims:
        """Return what ``token`` says.

        Raises:
            TokenRefusedError: it is malformed, of an unknown key, wrongly signed, expired, or lacks a claim.
        """
        try:
            secret = self._secrets[jwt.get_unverified_header(token)["kid"]]
            claims = jwt.decode(
                token,
                secret,
                algorithms=[ALGORITHM],
                audience=AUDIENCE,
                issuer=ISSUER,
                options={"require": list(REQUIRED_CLAIMS), "verify_exp": False, "verify_nbf": False},
            )
        except (jwt.InvalidTokenError, KeyError) as error:
            raise TokenRefusedError(f"the token is not valid: {type(error).__name__}") from None
        return self._current_claims(claims["nbf"], claims["exp"], claims)

    def _current_claims(self, not_before: int, expires: int, claims: dict[str, str]) -> Claims:
        if not not_before <= self._clock.now().timestamp() < expires:
            raise TokenRefusedError("the token has expired or is not valid yet")
        topics = tuple(topic for topic in TOPICS if topic in claims["oa_sync_scopes"])
        return Claims(Subject(claims["sub"], claims["oa_org_id"]), topics, datetime.fromtimestamp(expires, UTC))
