"""A pytest plugin that makes a drill leak: it says a word of its own in every channel that a drill can record.

The words come from the environment: ``LEAK_<CHANNEL>_SECRET`` is called like a secret, ``LEAK_<CHANNEL>_WORD`` is not.
What passes the redactor is copied, raw, to the file that ``LEAK_CONTROL`` names: a search must find the words there.
"""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import orjson
import pytest
from playwright.sync_api import Browser, BrowserContext

from drills.evidence.redaction import Redactor

SCENARIO = "artefacts"
WORDS = {
    match[1].lower().replace("_", "-"): value
    for name, value in os.environ.items()
    if (match := re.fullmatch(r"LEAK_(.+)_(?:SECRET|WORD)", name))
}
#: Runs in every page before its own scripts. It gets the words backwards, so that a record of it holds none of them.
SPEAK = """
(backwards => {
  const words = {};
  for (const [channel, word] of Object.entries(backwards)) words[channel] = [...word].reverse().join("");
  if (!location.protocol.startsWith("http") || location.host === "canary.invalid" || window !== top) return;
  const hex = word => [...new TextEncoder().encode(word)].map(byte => byte.toString(16).padStart(2, "0")).join("");
  const escaped = word => [...word].map(one => "\\\\u" + one.charCodeAt(0).toString(16).padStart(4, "0")).join("");
  console.log(words["console"], {word: words["console-object"]});
  console.error(JSON.stringify({text: JSON.stringify({word: words["console-nested"]})}));
  setTimeout(() => { throw new Error(words["page-error"]); });
  Promise.reject(new Error(words["rejection"]));
  document.cookie = "leak_session=" + words["cookie"];
  localStorage.setItem("leak", words["local-storage"]);
  const headers = {"x-leak": words["header"], authorization: "Bearer " + words["bearer"]};
  fetch("/healthz?" + new URLSearchParams({token: words["query-token"], list: words["query"]}), {headers});
  fetch("/leak/" + encodeURIComponent(words["path"]));
  fetch("/leak", {method: "POST", body: JSON.stringify({word: words["body"]})}).catch(() => 0);
  fetch("/leak", {method: "POST", body: new URLSearchParams({word: words["form"] + " & more"})}).catch(() => 0);
  const Socket = WebSocket;
  window.WebSocket = class extends Socket {
    constructor(...given) {
      super(...given);
      this.addEventListener("open", () => {
        const say = payload => this.send(JSON.stringify([null, "leak", "phoenix", "heartbeat", payload]));
        say({word: words["frame"]});
        say({word: btoa("a" + words["frame-base64"])});
        say({word: encodeURIComponent(words["frame-percent"])});
        say({password: words["frame-password"]});
      });
    }
  };
  addEventListener("DOMContentLoaded", () => {
    document.title = words["title"];
    const place = document.createElement("div");
    place.setAttribute("data-leak", words["attribute"]);
    place.setAttribute("aria-label", btoa(words["attribute-base64"]));
    const say = text => place.append(document.createElement("i"), text);
    say(words["text"]);
    say(btoa(words["base64"]));
    say(btoa("." + words["base64-at-1"]));
    say(btoa(".." + words["base64-at-2"]));
    say(btoa(words["base64url"]).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", ""));
    say(encodeURIComponent(encodeURIComponent(words["percent"])));
    say(hex(words["hex"]));
    say(escaped(words["unicode"]));
    say(btoa(btoa(words["base64-twice"])));
    place.style.setProperty("--leak", JSON.stringify(words["style"]));
    for (const [type, word] of [["password", "password"], ["hidden", "hidden-input"], ["text", "input"]]) {
      const field = document.createElement("input");
      field.type = type;
      field.value = words[word];
      place.append(field);
    }
    const area = document.createElement("textarea");
    area.value = words["text-area"];
    const shadow = document.createElement("div");
    shadow.attachShadow({mode: "open"}).textContent = words["shadow"];
    const frame = document.createElement("iframe");
    frame.srcdoc = words["frame-document"];
    place.append(area, shadow, frame);
    document.body.append(place);
  });
})
"""


def pytest_configure(config: pytest.Config) -> None:
    """Make every browser context speak, and copy what passes the redactor."""
    del config
    backwards = {channel: word[::-1] for channel, word in WORDS.items()}
    script = f"{SPEAK}({orjson.dumps(backwards).decode()})"
    new_context, redact = Browser.new_context, Redactor.redact_counted
    control = Path(os.environ["LEAK_CONTROL"]).open("a", encoding="utf-8", errors="replace")  # noqa: SIM115

    def speaking(self: Browser, **options: Any) -> BrowserContext:
        context = new_context(self, **options)
        context.add_init_script(script)
        return context

    def copying(self: Redactor, text: str) -> tuple[str, int]:
        if len(text) < 200_000:
            control.write(f"{text}\n")
            control.flush()
        return redact(self, text)

    setattr(Browser, "new_context", speaking)  # noqa: B010 - mypy takes no assignment to a method
    setattr(Redactor, "redact_counted", copying)  # noqa: B010 - as above


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give the scenario of the artefacts a parameter, whose id is a word."""
    if SCENARIO in metafunc.function.__name__:
        metafunc.fixturenames.append("leak")
        metafunc.parametrize("leak", [WORDS["parameter-id"]], indirect=True)


@pytest.fixture
def leak(request: pytest.FixtureRequest) -> str:
    """The parameter, which is of no use to anyone."""
    return str(request.param)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    """Speak on every stream, and end with an exception in whose frame a word is kept."""
    yield
    if SCENARIO not in item.name:
        return
    print(WORDS["stdout"])  # noqa: T201 - pytest captures it
    print(WORDS["stderr"], file=sys.stderr)  # noqa: T201 - as above
    logging.getLogger("leaky").warning("GET /socket?token=%s HTTP/1.1", WORDS["access-log"])
    item.user_properties.append(("leak", WORDS["user-property"]))
    kept = WORDS["traceback-local"]
    raise RuntimeError(f"{WORDS['exception']} and {len(kept)} more")
