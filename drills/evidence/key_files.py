"""Where signing keys are kept: files for their owner alone, and variables of machines without people."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from pathlib import Path

from drills.errors import SigningKeyInvalid
from drills.evidence.durable import PUBLIC_FILE, flush_folder, write_new
from drills.evidence.signing import SigningKey

#: A PEM text, for machines that keep secrets in variables; and the path of a file that holds one.
KEY_VARIABLE, KEY_FILE_VARIABLE = "DRILL_SIGNING_KEY", "DRILL_SIGNING_KEY_FILE"


def find_signing_key(path: Path | None, environment: Mapping[str, str]) -> SigningKey | None:
    """Return the key at ``path``, else the one that the environment names or holds; None when there is none.

    Raises:
        SigningKeyInvalid: there is one, and it cannot be used; or the environment gives two.
    """
    file, text = environment.get(KEY_FILE_VARIABLE), environment.get(KEY_VARIABLE)
    if path is not None:
        return SigningKey.load(path)
    if file and text:
        raise SigningKeyInvalid(f"both {KEY_VARIABLE} and {KEY_FILE_VARIABLE} are set", remedy="unset one of them")
    if file:
        return SigningKey.load(Path(file))
    return SigningKey.parse(text.encode(), KEY_VARIABLE) if text else None


def write_key_pair(path: Path) -> SigningKey:
    """Write a new key to ``path``, for its owner alone, and its public half beside it; return the key.

    Raises:
        SigningKeyInvalid: one of the files exists, or others can change the folder.
    """
    key = SigningKey.generate()
    try:
        _demand_own_folder(path.parent)
        _write_both(path, key)
    except OSError as error:
        raise SigningKeyInvalid(
            f"{error.filename or path}: no key was written: {error.strerror}", remedy="name another file with --out"
        ) from None
    return key


def _write_both(path: Path, key: SigningKey) -> None:
    """Write the public half first: one without the other is then never a private key that nobody can use."""
    public = path.with_name(f"{path.name}.pub")
    write_new(public, key.public.pem, mode=PUBLIC_FILE)
    try:
        write_new(path, key.pem)
    except OSError:
        public.unlink()
        raise
    flush_folder(path.parent)


def _demand_own_folder(folder: Path) -> None:
    """Refuse a folder in which others could put another key in the place of this one."""
    mode = folder.stat().st_mode
    if mode & (stat.S_IWGRP | stat.S_IWOTH) and not mode & stat.S_ISVTX:
        raise SigningKeyInvalid(f"{folder} can be changed by others", remedy=f"chmod go-w {folder}")
