"""One GET to a source of metrics: no redirect, no proxy, no link-local address, capped in size and time."""

from __future__ import annotations

import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import httpx2

from drills.errors import MetricsUnavailable
from drills.target.addresses import is_link_local

MAXIMUM_SIZE = 20_000_000


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; ``cut`` says that the body went on beyond what is taken."""

    status: int
    body: bytes
    cut: bool
    location: str


def client(
    *, timeout_seconds: float, ca_file: Path | None = None, verify_tls: bool = True, headers: Mapping[str, str] = {}
) -> httpx2.Client:
    """Return a client that sends ``headers`` and follows nobody.

    Raises:
        MetricsUnavailable: the file of certificates cannot be read.
    """
    try:
        trust = _trust(ca_file, verify_tls=verify_tls)
    except (OSError, ssl.SSLError) as error:
        raise MetricsUnavailable(f"certificates {ca_file}: {error}", remedy="mend metrics.ca_file") from None
    return httpx2.Client(
        timeout=timeout_seconds, trust_env=False, follow_redirects=False, verify=trust, headers=dict(headers)
    )


def get(opened: httpx2.Client, url: str, params: Mapping[str, str] | None = None) -> Answer:
    """Return the whole answer to one GET.

    Raises:
        MetricsUnavailable: there was no answer in time, or its address is one that is never asked.
    """
    shown = url.partition("?")[0]
    try:
        if is_link_local(httpx2.URL(url).host):
            raise MetricsUnavailable(
                f"{shown} is a link-local address; it was not contacted", remedy="mend metrics.url"
            )
        with opened.stream("GET", url, params=params) as response:
            body = _body(response, shown, time.monotonic() + (opened.timeout.read or 0.0))
            location = response.headers.get("location", "")
            return Answer(response.status_code, body, cut=len(body) > MAXIMUM_SIZE, location=location)
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
        reason = str(error) or type(error).__name__
        raise MetricsUnavailable(f"{shown} does not give metrics: {reason}", remedy="drill doctor") from None


def _body(response: httpx2.Response, url: str, deadline: float) -> bytes:
    """Read to the end, or until it is too much; a server that sends a drop at a time is cut off too."""
    body = bytearray()
    for chunk in response.iter_bytes():
        body += chunk
        if len(body) > MAXIMUM_SIZE:
            break
        if time.monotonic() > deadline:
            raise MetricsUnavailable(f"{url} takes too long to answer", remedy="raise metrics.timeout_seconds")
    return bytes(body)


@cache
def _trust(ca_file: Path | None, *, verify_tls: bool) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=ca_file)
    if not verify_tls:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
