"""A page that holds the run's canary in every place that a browser recording tells of. It never leaves the browser."""

from __future__ import annotations

import orjson
from playwright.sync_api import BrowserContext, Route

#: Reserved for addresses that exist nowhere (RFC 2606); the requests are answered here.
ORIGIN = "http://canary.invalid"
PLANT = """
async (word) => {
  document.cookie = `drill_canary=${word}`;
  localStorage.setItem("drill", word);
  sessionStorage.setItem("drill", word);
  document.documentElement.dataset.drill = word;
  document.body.append(document.createComment(word), word);
  console.log(word);
  setTimeout(() => { throw new Error(word); });
  const headers = {authorization: `Bearer ${word}`, "x-drill": word};
  await fetch(`/echo?token=${word}#${word}`, {method: "POST", headers, body: JSON.stringify({password: word})});
  return word;
}
"""
ANSWER_MS = 5_000


def plant(context: BrowserContext, canary: str) -> None:
    """Open the page, let it go through every channel that only a trace records, and close it."""
    page = context.new_page()
    page.route(f"{ORIGIN}/**", lambda route: _answer(route, canary))
    page.goto(f"{ORIGIN}/?token={canary}", timeout=ANSWER_MS)
    page.locator("input").fill(canary, timeout=ANSWER_MS)
    page.evaluate(PLANT, canary)
    context.storage_state()
    page.close()


def _answer(route: Route, canary: str) -> None:
    word = orjson.dumps(canary).decode()
    route.fulfill(
        body=f"<!doctype html><title>decoy</title><form><input type=password name=drill></form><script>{word}</script>",
        headers={"content-type": "text/html", "set-cookie": f"drill={canary}; HttpOnly", "x-drill": canary},
    )
