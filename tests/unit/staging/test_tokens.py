from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import jwt
import pytest

from drills.clock import FrozenClock
from drills.staging.settings import JwtKey
from drills.staging.tokens import REQUIRED_CLAIMS, ScopeRefusedError, Subject, TokenIssuer, TokenRefusedError

NOW = datetime(2026, 2, 20, 9, 30, tzinfo=UTC)
SUBJECT = Subject("user", "org")
WORKERS = "runtime.codex_worker_summaries"


def key(kid: str, *, current: bool = False) -> JwtKey:
    """Return a new signing key."""
    return JwtKey.model_validate({"kid": kid, "secret": f"canary-{secrets.token_urlsafe(32)}", "current": current})


NEW, OLD = key("new", current=True), key("old")


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(NOW)


@pytest.fixture
def issuer(clock: FrozenClock) -> TokenIssuer:
    return TokenIssuer([OLD, NEW], clock, 300)


def altered(token: str, signer: JwtKey = NEW, drop: str = "", claims: Mapping[str, object] | None = None) -> str:
    """Return ``token`` with other claims, signed again."""
    held = {**jwt.decode(token, options={"verify_signature": False}), **(claims or {})}
    held.pop(drop, None)
    return jwt.encode(held, signer.secret.get_secret_value(), "HS256", headers={"kid": signer.kid})


def test_a_token_says_who_and_what(issuer: TokenIssuer) -> None:
    """A minted token verifies to its subject, its topics and its end."""
    grant = issuer.mint(SUBJECT, [WORKERS])
    claims = issuer.verify(grant.token)

    assert (grant.kid, grant.scopes, grant.expires_in) == ("new", (WORKERS,), 300)
    assert (claims.subject, claims.topics, claims.expires_at) == (SUBJECT, (WORKERS,), NOW + timedelta(seconds=300))


def test_a_token_carries_every_claim(issuer: TokenIssuer) -> None:
    """All the claims of the wire format are there, and no two tokens are the same."""
    first, second = (issuer.mint(SUBJECT, [WORKERS]).token for _ in range(2))
    claims = jwt.decode(first, options={"verify_signature": False})

    assert claims.keys() == set(REQUIRED_CLAIMS)
    assert claims["exp"] - claims["iat"] == 300
    assert first != second


@pytest.mark.parametrize(("scopes", "unknown"), [([], ()), ([WORKERS, "all"], ("all",)), (["a", "b"], ("a", "b"))])
def test_unknown_scopes_are_refused(issuer: TokenIssuer, scopes: list[str], unknown: tuple[str, ...]) -> None:
    """No token is minted for a scope that does not exist, nor for none."""
    with pytest.raises(ScopeRefusedError) as refused:
        issuer.mint(SUBJECT, scopes)

    assert refused.value.scopes == unknown


def test_a_token_ends_on_the_second(issuer: TokenIssuer, clock: FrozenClock) -> None:
    """Valid until its last second, refused from then on."""
    token = issuer.mint(SUBJECT, [WORKERS]).token
    clock.advance(299)
    issuer.verify(token)
    clock.advance(1)
    with pytest.raises(TokenRefusedError, match="expired"):
        issuer.verify(token)


def test_a_token_from_the_future_is_refused(issuer: TokenIssuer, clock: FrozenClock) -> None:
    """A token is not valid before its time."""
    token = issuer.mint(SUBJECT, [WORKERS]).token
    clock.advance(-1)
    with pytest.raises(TokenRefusedError):
        issuer.verify(token)


def test_the_previous_key_still_verifies(issuer: TokenIssuer) -> None:
    """A token signed before the rotation is good; one of a key that was dropped is not."""
    token = altered(issuer.mint(SUBJECT, [WORKERS]).token, OLD)

    assert issuer.verify(token).topics == (WORKERS,)
    with pytest.raises(TokenRefusedError):
        issuer.verify(altered(token, key("dropped")))


def test_a_key_cannot_sign_in_the_name_of_another(issuer: TokenIssuer) -> None:
    """The key that a token names must have signed it."""
    token = issuer.mint(SUBJECT, [WORKERS]).token
    forged = altered(token, JwtKey(kid="new", secret=key("x").secret))
    with pytest.raises(TokenRefusedError):
        issuer.verify(forged)


@pytest.mark.parametrize("claim", REQUIRED_CLAIMS)
def test_every_claim_is_required(issuer: TokenIssuer, claim: str) -> None:
    """A token that lacks any of the claims is refused."""
    with pytest.raises(TokenRefusedError):
        issuer.verify(altered(issuer.mint(SUBJECT, [WORKERS]).token, drop=claim))


@pytest.mark.parametrize("claims", [{"aud": "other"}, {"iss": "other"}])
def test_a_token_for_somebody_else_is_refused(issuer: TokenIssuer, claims: dict[str, object]) -> None:
    """Issuer and audience must be ours."""
    with pytest.raises(TokenRefusedError):
        issuer.verify(altered(issuer.mint(SUBJECT, [WORKERS]).token, claims=claims))


def test_an_unsigned_token_is_refused(issuer: TokenIssuer) -> None:
    """The algorithm is ours to choose, not the token's."""
    claims = jwt.decode(issuer.mint(SUBJECT, [WORKERS]).token, options={"verify_signature": False})
    with pytest.raises(TokenRefusedError):
        issuer.verify(jwt.encode(claims, "", "none", headers={"kid": "new"}))


@pytest.mark.parametrize("token", ["", "x", "a.b.c"])
def test_what_is_no_token_is_refused(issuer: TokenIssuer, token: str) -> None:
    """Anything else is refused in the same way."""
    with pytest.raises(TokenRefusedError):
        issuer.verify(token)
