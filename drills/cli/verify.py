"""``drill verify``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click
import orjson

from drills.attestation import Examination, examine, verify
from drills.cli.options import AS_JSON, explained
from drills.errors import IntegrityBroken
from drills.evidence.signing import PublicKey
from drills.report.terminal import shown

SIGNATURES = {
    "unsigned": "unsigned: this shows that the evidence is consistent, not who published it",
    "not checked": "signed by {key}, which was not checked: give its public half with --key",
    "holds": "signed by {key}, the key that was given",
}


@click.command("verify")
@click.argument("place", metavar="REPORT.md|FOLDER", type=click.Path(path_type=Path))
@click.option(
    "--key",
    "key_file",
    type=click.Path(path_type=Path),
    metavar="PUB",
    help="The public key that must have signed it. A key that lies beside the evidence proves nothing.",
)
@AS_JSON
@explained
def verify_command(place: Path, key_file: Path | None, *, as_json: bool) -> None:
    """Check a published drill offline: digests, ledger chain, verdicts, words, links, and who signed it.

    Every deviation is named; the exit code is then 12.
    """
    key = PublicKey.load(key_file) if key_file else None
    if as_json:
        _say_json(examine(place, key))
        return
    for line in _lines(verify(place, key)):
        click.echo(shown(line))


def _say_json(seen: Examination) -> None:
    click.echo(orjson.dumps(_summary(seen), option=orjson.OPT_INDENT_2))
    if seen.deviations:
        sys.exit(IntegrityBroken.exit_code)


def _summary(seen: Examination) -> dict[str, object]:
    return {
        "name": seen.name,
        "intact": not seen.deviations,
        "verdict": seen.record.verdict if seen.record else None,
        "decision": seen.record.decision.value if seen.record else None,
        "files": seen.files,
        "ledger_entries": seen.entries,
        "links": {"inside": len(seen.links.inside), "reports": len(seen.links.reports), "web": len(seen.links.web)},
        "commit": seen.commit,
        "signature": seen.signature,
        "signed_by": seen.signed_by,
        "deviations": [{"file": deviation.file, "what": deviation.what} for deviation in seen.deviations],
    }


def _lines(seen: Examination) -> Iterator[str]:
    yield f"{seen.files} files unchanged, {seen.entries} ledger entries in their chain"
    if seen.record:
        yield f"every verdict follows from the ledger: {seen.record.verdict}, {seen.record.decision.value}"
    yield f"{len(seen.links.inside)} links lead to published files; {len(seen.links.web)} to the web were not opened"
    yield f"commit: {seen.commit}"
    yield SIGNATURES[seen.signature].format(key=seen.signed_by)
