"""The DSSE envelope as it is written, https://github.com/secure-systems-lab/dsse: in one form, byte for byte."""

from __future__ import annotations

import base64
from typing import Self

import orjson
from pydantic import Field, ValidationError

from drills.evidence.records import Frozen

#: What an envelope around an in-toto statement says it holds.
PAYLOAD_TYPE = "application/vnd.in-toto+json"


class EnvelopeSignature(Frozen):
    """One signature: base64, and the fingerprint of the key that made it, which is a hint and proves nothing."""

    keyid: str
    sig: str


class Envelope(Frozen):
    """A DSSE envelope as it is written."""

    payload: str
    payload_type: str = Field(alias="payloadType")
    signatures: tuple[EnvelopeSignature, ...]

    @classmethod
    def around(cls, payload: bytes, keyid: str, sig: str) -> Self:
        """Return the envelope of a statement with one signature."""
        signature = EnvelopeSignature(keyid=keyid, sig=sig)
        return cls(payload=base64.b64encode(payload).decode(), payloadType=PAYLOAD_TYPE, signatures=(signature,))

    @classmethod
    def parse(cls, content: bytes) -> Self | None:
        """Return the envelope that a file holds; None when it holds none."""
        try:
            return cls.model_validate_json(content)
        except ValidationError:
            return None

    @property
    def statement(self) -> bytes:
        """What the envelope holds; nothing where that is not base64."""
        try:
            return base64.b64decode(self.payload, validate=True)
        except ValueError:
            return b""

    def encode(self) -> bytes:
        """Return the envelope as it is written: there is one form, so that every changed byte shows."""
        return orjson.dumps(self.fields(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)

    def fields(self) -> dict[str, object]:
        """Return the envelope as JSON names it."""
        return self.model_dump(mode="json", by_alias=True)
