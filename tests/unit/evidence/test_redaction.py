"""What goes into the redactor with a secret in it comes out without, however the secret is spelled."""

from __future__ import annotations

import base64
import html
import json
import os
import threading
import time
from collections.abc import Callable
from functools import partial
from urllib.parse import quote, quote_plus, urlencode
from xml.sax.saxutils import escape, quoteattr

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from drills.errors import ConfigurationError, PublicationRefused
from drills.evidence.records import Scalar
from drills.evidence.redaction import Redactor
from drills.evidence.scan import scan_files

SECRETS = {
    "url-safe": "canary-Zk3_url.safe~0123456789",
    "awkward": "canary-a b+c/d=e&f\"g'h\\i<j>k%l?é✓😀",
    "short": "canary",
    "lines": "canary-first\nsecond\tthird",
}


def _base64(text: str, offset: int) -> str:
    return base64.b64encode(b"." * offset + text.encode() + b" and more").decode()


def _base64url(text: str, offset: int) -> str:
    return base64.urlsafe_b64encode(b"." * offset + text.encode()).decode().rstrip("=")


def _every_character(text: str) -> str:
    code = text.encode("utf-16-be").hex()
    return "".join(f"\\u{code[start : start + 4]}" for start in range(0, len(code), 4))


SPELLINGS: dict[str, Callable[[str], str]] = {
    "raw": lambda text: f"before {text} after",
    "percent": lambda text: f"https://example.org/?q={quote(text)}&b=2",
    "percent, no slash": lambda text: quote(text, safe=""),
    "percent, lower case": lambda text: "".join(c.lower() if c.startswith("%") else c for c in map(quote, text)),
    "percent, every byte": lambda text: "".join(f"%{byte:02X}" for byte in text.encode()),
    "percent twice": lambda text: quote(quote(text, safe=""), safe=""),
    "plus": lambda text: f"https://example.org/?q={quote_plus(text)}",
    "form": lambda text: urlencode({"field": text}),
    "json": lambda text: json.dumps({"field": text}),
    "json, not escaped": lambda text: json.dumps({"field": text}, ensure_ascii=False),
    "json, escaped slash": lambda text: json.dumps({"field": text}, ensure_ascii=False).replace("/", "\\/"),
    "json in json": lambda text: json.dumps({"body": json.dumps({"field": text})}),
    "json in html": lambda text: f'<div data-blob="{html.escape(json.dumps({"field": text}))}">',
    "query in json": lambda text: json.dumps({"url": f"/?q={quote(text)}"}),
    "query in html": lambda text: f'<a href="{html.escape("/?a=1&q=" + quote(text))}">',
    "html": lambda text: f"<p>{html.escape(text)}</p>",
    "html, text only": lambda text: f"<p>{html.escape(text, quote=False)}</p>",
    "html, decimal quote": lambda text: html.escape(text).replace("&#x27;", "&#39;"),
    "html twice": lambda text: html.escape(html.escape(text)),
    "html, hexadecimal": lambda text: "".join(c if c.isalnum() or c in "-._" else f"&#x{ord(c):04X};" for c in text),
    "xml text": escape,
    "xml attribute": quoteattr,
    "hex": lambda text: text.encode().hex(),
    "hex, upper case": lambda text: text.encode().hex().upper(),
    "form in the browser": lambda text: quote_plus(text, safe="*").replace("~", "%7E"),
    "encodeURIComponent": lambda text: quote(text, safe="!'()*~"),
    "encodeURI": lambda text: quote(text, safe=";,/?:@&=+$#!'()*~"),
    "html in a query": lambda text: quote(html.escape(text), safe=""),
    "json in a query": lambda text: quote(json.dumps({"field": text}), safe=""),
    "json, every character": _every_character,
    "json, every character, in json": lambda text: json.dumps({"body": _every_character(text)}),
    "json, every character, upper case": lambda text: _every_character(text).upper().replace("U", "u"),
    "python bytes": lambda text: repr(text.encode()),
    **{f"base64 at {n}": partial(_base64, offset=n) for n in range(3)},
    **{f"base64url at {n}, no padding": partial(_base64url, offset=n) for n in range(3)},
    "base64, padded": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 in json": lambda text: json.dumps({"b": _base64(text, 1)}).replace("/", "\\/"),
    "base64 in a query": lambda text: quote(_base64(text, 2), safe=""),
}


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)
@pytest.mark.parametrize("spell", SPELLINGS.values(), ids=SPELLINGS)
def test_a_secret_is_taken_out_in_every_spelling(spell: Callable[[str], str], secret: str) -> None:
    """The scan, which decodes and shares no code with the redactor, sees the secret before and not after."""
    redactor = Redactor("other-canary-of-this-run")
    redactor.register(secret, "the secret")
    planted = spell(secret)
    redacted, count = redactor.redact_counted(planted)

    assert scan_files({"a.txt": planted.encode()}, redactor.secrets) != ()
    assert scan_files({"a.txt": redacted.encode()}, redactor.secrets) == ()
    assert count >= 1
    assert "«redacted:the-secret»" in redacted


SHAPES = {
    '{"token": "canary\\"tail", "n": 1}': '{"token": "«redacted:member»", "n": 1}',
    '{\\"password\\":\\"canary\\"}': '{\\"password\\":\\"«redacted:member»\\"}',
    "&quot;client_secret&quot;: &quot;canary&quot;": "&quot;client_secret&quot;: &quot;«redacted:member»&quot;",
    "{'api_key': 'canary'}": "{'api_key': '«redacted:member»'}",
    '{"name":"Cookie","value":"a=canary"}': '{"name":"Cookie","value":"«redacted:header»"}',
    "Set-Cookie: oa=canary; HttpOnly\nHost: h": "Set-Cookie: «redacted:header»\nHost: h",
    "authorization: Bearer canary-of-a-header": "authorization: «redacted:header»",
    "sent Bearer canary-of-a-header to it": "sent Bearer «redacted:header» to it",
    "Basic Y2FuYXJ5OmNhbmFyeQ== was sent": "Basic «redacted:header» was sent",
    "GET /socket?token=canary&vsn=2.0.0": "GET /socket?token=«redacted:value»&vsn=2.0.0",
    "next=%2Fsocket%3Ftoken%3Dcanary%26vsn": "next=%2Fsocket%3Ftoken%3D«redacted:value»%26vsn",
    "OPERATOR_TOKEN=canary drill run": "OPERATOR_TOKEN=«redacted:value» drill run",
    "operator_token = 'canary and more'": "operator_token = '«redacted:value»'",
    "x --operator-token canary --out y": "x --operator-token «redacted:value» --out y",
    "https://user:canary@example.org/x.git": "https://user:«redacted:credentials»@example.org/x.git",
    "https://canary@example.org/x.git": "https://«redacted:credentials»@example.org/x.git",
    "protocol: base64url.bearer.phx.Y2FuYXJ5": "protocol: base64url.bearer.phx.«redacted:jwt»",
    "x\n-----BEGIN PRIVATE KEY-----\ncanary\n-----END PRIVATE KEY-----\ny": "x\n«redacted:private-key»\ny",
    "cut -----BEGIN RSA PRIVATE KEY-----\ncanary": "cut «redacted:private-key»",
}


@pytest.mark.parametrize(("text", "expected"), SHAPES.items())
def test_a_secret_nobody_registered_is_known_by_its_shape(text: str, expected: str, redactor: Redactor) -> None:
    """Keys, headers, credentials in addresses and private keys give away what stands behind them."""
    assert redactor.redact(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Basic authentication is refused, and the Bearer of news too",
        "git clone ssh://git@example.org/x.git",
        '{"token_type": "Bearer", "expires_in": 300}',
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "runtime/codex_worker_summary:w-1 at seq 12, mismatch_rate=0.0",
        "the e-mail of user@example.org",
        "PyJWT==2.13.0",
        "the author: 'me' and the token_type: Bearer",
    ],
)
def test_ordinary_text_is_left_alone(text: str, redactor: Redactor) -> None:
    """What a report is made of goes through unchanged and uncounted."""
    assert redactor.redact_counted(text) == (text, 0)


def test_a_token_is_learned_where_it_first_appears(redactor: Redactor) -> None:
    """A JSON Web Token seen once is known afterwards in encodings that have no shape."""
    token = jwt.encode({"sub": "canary"}, "canary-" * 8, algorithm="HS256")
    assert redactor.redact(f"minted {token}.") == "minted «redacted:jwt»."

    assert redactor.redact(token.encode().hex()) == "«redacted:jwt»"
    assert token in {secret.value for secret in redactor.secrets}


def test_variables_that_are_called_like_secrets_are_secrets(redactor: Redactor) -> None:
    """So are passwords in addresses; other variables are nobody's business, and short values are no secrets."""
    redactor.register_environment(
        {
            "GITHUB_TOKEN": "canary-of-github",
            "DATABASE_URL": "postgresql://drill:canary-of-base@db.example/drill",
            "EMPTY_PASSWORD": "",
            "SHORT_TOKEN": "yes",
            "PATH": "/usr/bin:/bin",
        }
    )

    assert redactor.redact("canary-of-github canary-of-base yes /usr/bin:/bin") == (
        "«redacted:github-token» «redacted:database-url-password» yes /usr/bin:/bin"
    )


def test_a_token_is_seen_where_no_word_begins(redactor: Redactor) -> None:
    """Letters, digits or an escape in front of a token do not hide it."""
    token = jwt.encode({"sub": "canary"}, "canary-" * 8, algorithm="HS256")

    assert redactor.redact(f"q%3D{token}&x_{token}") == "q%3D«redacted:jwt»&x_«redacted:jwt»"


def test_tokens_without_end_are_redacted_and_not_all_remembered(redactor: Redactor) -> None:
    """A page that prints thousands of tokens costs no memory without bound."""
    text = " ".join(f"eyJhbGciOiJub25lIn0.eyJjYW5hcnkiOn{n:06}.sig" for n in range(1000))

    assert redactor.redact(text) == " ".join(["«redacted:jwt»"] * 1000)
    assert len(redactor.secrets) < 300


def test_the_longest_secret_goes_first(redactor: Redactor) -> None:
    """A secret that begins like another one leaves no tail behind."""
    redactor.register("canary-a", "short")
    redactor.register("canary-a-and-more", "long")

    assert redactor.redact("canary-a-and-more, canary-a") == "«redacted:long», «redacted:short»"


def test_a_secret_keeps_its_first_name(redactor: Redactor) -> None:
    """Registering it again, under whatever name, changes nothing."""
    redactor.register(redactor.canary, "another")

    assert redactor.redact(redactor.canary) == "«redacted:canary»"


@pytest.mark.parametrize("secret", ["", "canar"])
def test_a_secret_that_ordinary_text_would_match_is_refused(secret: str, redactor: Redactor) -> None:
    """Rather than eating the report, the redactor names the secret it cannot keep."""
    with pytest.raises(ConfigurationError, match="the secret 'pin' has fewer than 6 characters"):
        redactor.register(secret, "pin")


@given(st.text(alphabet='abeyJ.Zl{}":=&;%2\\ -canry«»redacted', max_size=60), st.sampled_from(list(SHAPES)))
def test_redacting_again_changes_nothing(noise: str, shape: str) -> None:
    """What was redacted can go through the redactor again, as evidence that is rendered twice does."""
    redactor = Redactor("canary-planted-in-every-channel")
    once = redactor.redact(noise + shape + noise)

    assert redactor.redact(once) == once


@pytest.mark.parametrize(
    "piece",
    [
        "a",
        "eyJ",
        "eyJabcdefgh.",
        "token",
        "token=",
        '"token":"',
        "ZXlK",
        "://a:",
        "Basic a",
        "-----BEGIN PRIVATE KEY-----",
    ],
)
def test_hostile_text_takes_no_longer_than_other_text(piece: str, redactor: Redactor) -> None:
    """Time grows with the length of the text, not with its square: 400 kB take seconds at most."""
    text = piece * (400_000 // len(piece))
    started = time.process_time()
    redactor.redact(text)

    assert time.process_time() - started < 10


def test_every_string_of_a_json_value_is_redacted(redactor: Redactor) -> None:
    """Names, members at any depth, and what stands under the name of a secret."""
    value: JsonValue = {
        "a": [f"x {redactor.canary}", 1, None, True],
        redactor.canary: {"session_secret": "canary"},
        "token": "",
    }

    assert redactor.redact_json(value) == {
        "a": ["x «redacted:canary»", 1, None, True],
        "«redacted:canary»": {"session_secret": "«redacted:member»"},
        "token": "",
    }


def test_what_json_cannot_say_becomes_words(redactor: Redactor) -> None:
    """NaN and infinities are written as the records write them; half a surrogate pair becomes a question mark."""
    value: JsonValue = [float("nan"), float("inf"), float("-inf"), "\ud83d"]

    assert redactor.redact_json(value) == ["NaN", "Infinity", "-Infinity", "?"]


def test_a_file_comes_back_with_the_number_of_redactions(redactor: Redactor) -> None:
    """Each secret taken out of a file is counted, so that the record can state it."""
    content = f"{redactor.canary}\ntoken=canary\n".encode()

    expected = ("«redacted:canary»\ntoken=«redacted:value»\n".encode(), 2)
    assert redactor.redact_bytes(content, "text/plain; charset=utf-8") == expected


def test_binary_cannot_hide_in_text(redactor: Redactor) -> None:
    """Bytes that are not UTF-8 do not reach a published text file."""
    assert redactor.redact_bytes(b"a\xff\xfeb", "text/plain") == ("a\ufffd\ufffdb".encode(), 0)


def test_a_type_that_is_not_on_the_list_is_refused(redactor: Redactor) -> None:
    """Nothing is published that the redactor cannot read."""
    with pytest.raises(PublicationRefused, match="'application/zip' are not published"):
        redactor.redact_bytes(b"PK", "application/zip")


def test_secrets_can_be_added_while_others_redact(redactor: Redactor) -> None:
    """Surfaces run side by side; what one registers is redacted for all from then on."""
    names = [f"canary-{number:04}-of-many" for number in range(60)]
    threads = [threading.Thread(target=redactor.register, args=(name, name)) for name in names]
    for thread in threads:
        thread.start()
        redactor.redact("something to do " * 50)
    for thread in threads:
        thread.join()

    assert [redactor.redact(name) for name in names] == [f"«redacted:{name}»" for name in names]


def test_each_run_has_a_canary_of_its_own() -> None:
    """A canary is a secret like any other, and never the same one."""
    first, second = Redactor(), Redactor()

    assert first.canary.startswith("canary-")
    assert first.canary != second.canary
    assert first.redact(first.canary) == "«redacted:canary»"


def test_a_secret_does_not_show_itself(redactor: Redactor) -> None:
    """A traceback that prints the list of secrets prints their names."""
    assert repr(redactor.secrets) == "(Secret('canary'),)"


@given(st.text(min_size=6, max_size=24), st.binary(max_size=8), st.binary(max_size=8))
def test_base64_around_a_secret_never_hides_it(secret: str, before: bytes, after: bytes) -> None:
    """Whatever stands before and after, decoding what is left does not give the secret back."""
    redactor = Redactor("canary-planted-in-every-channel")
    redactor.register(f"canary-{secret}", "secret")
    blob = base64.b64encode(before + f"canary-{secret}".encode() + after).decode()
    leftover = redactor.redact(blob).replace("«redacted:secret»", os.linesep)

    assert leftover != blob
    assert scan_files({"a.txt": leftover.encode()}, redactor.secrets) == ()


def test_base64_of_nothing_but_a_secret_leaves_nothing() -> None:
    """Where the secret ends the text, its last bits and the padding go with it."""
    for secret in ("canary-", "canary-1", "canary-12"):
        redactor = Redactor("canary-planted-in-every-channel")
        redactor.register(secret, "secret")
        for encoded in (
            base64.b64encode(secret.encode()).decode(),
            base64.b64encode(secret.encode()).decode().rstrip("="),
        ):
            assert redactor.redact(encoded) == "«redacted:secret»"


def test_scalars_of_records_are_json() -> None:
    """Every scalar that a check may hold goes through unchanged when there is no secret in it."""
    scalars: list[Scalar] = [True, 1, 1.5, "text", None]

    assert Redactor().redact_json([*scalars]) == scalars
