"""The artefacts of a drill: files that are redacted, named, typed and entered in the ledger as they are kept."""

from __future__ import annotations

import os
from pathlib import Path

from drills.canonical import digest_of_bytes
from drills.errors import EvidenceError, PublicationRefused
from drills.evidence.canary import Channel
from drills.evidence.durable import PRIVATE_FOLDER, flush_folder, write_new
from drills.evidence.ledger import Ledger
from drills.evidence.naming import alternatives, file_name, known_media_type
from drills.evidence.png import with_text
from drills.evidence.records import Artefact
from drills.evidence.redaction import Redactor

#: One file above this is a mistake: the whole published drill is far smaller.
MOST_BYTES = 16 * 1024 * 1024


class ArtefactStore:
    """Keeps files in one flat, private folder. Safe to use from several threads.

    The canary is planted in the metadata of each picture on its way in, so that every picture shows that it is cleaned;
    ``planted`` holds the channel once that was done.
    """

    def __init__(self, root: Path, redactor: Redactor, ledger: Ledger) -> None:
        root.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        self.root = root.resolve(strict=True)
        self._redactor = redactor
        self._ledger = ledger
        self.planted: set[Channel] = set()

    def keep(
        self,
        name: str,
        content: bytes,
        *,
        category: str,
        title: str,
        media_type: str,
        item: str | None = None,
        surface: str | None = None,
    ) -> Artefact:
        """Keep ``content`` without secrets, under a safe name that is still free, and enter it in the ledger.

        The artefact's id is its file name.

        Raises:
            PublicationRefused: the type is not on the allow-list, the content is not of that type, or too large.
            EvidenceError: it could not be written.
        """
        if len(content) > MOST_BYTES:
            raise PublicationRefused(f"{name!r} is too large to keep: {len(content)} bytes of {MOST_BYTES}")
        redacted, redactions = self._redactor.redact_bytes(self._planted(content, media_type), media_type)
        path = self._write(file_name(self._redactor.redact(name), media_type), redacted)
        artefact = Artefact(
            id=path.name,
            category=category,
            path=path.name,
            media_type=known_media_type(media_type),
            title=self._redactor.redact(title),
            size=len(redacted),
            sha256=digest_of_bytes(redacted),
            redactions=redactions,
            item=item,
            surface=surface,
        )
        self._ledger.append(artefact)
        return artefact

    def _planted(self, content: bytes, media_type: str) -> bytes:
        if known_media_type(media_type) != "image/png":
            return content
        self.planted.add(Channel.PICTURES)
        return with_text(content, "canary", self._redactor.canary)

    def _write(self, name: str, content: bytes) -> Path:
        for free in alternatives(name):
            try:
                write_new(self.root / free, content)
                flush_folder(self.root)
            except FileExistsError:
                continue
            except OSError as error:
                raise EvidenceError(
                    f"{self.root / free}: could not be kept: {os.strerror(error.errno or 0)}",
                    remedy="make room on the disk, or give the run another folder",
                ) from error
            return self.root / free
        raise EvidenceError(f"{self.root}: too many files are called {name!r}")
