"""The key that signs what a drill publishes: found once, kept out of every other process and out of the evidence."""

from __future__ import annotations

import os
from pathlib import Path

from drills.evidence.key_files import KEY_VARIABLE, find_signing_key
from drills.evidence.redaction import Redactor
from drills.evidence.signing import SigningKey


def take_key(path: Path | None, redactor: Redactor) -> SigningKey | None:
    """Return the key to sign with, which ``redactor`` knows from now on; None for an unsigned drill.

    A key that the environment holds is taken out of it: no browser, staging or command that is started inherits it.

    Raises:
        SigningKeyInvalid: there is a key and it cannot be used.
    """
    key = find_signing_key(path, os.environ)
    os.environ.pop(KEY_VARIABLE, None)
    for secret in key.secrets if key else ():
        redactor.register(secret, "signing-key")
    return key
