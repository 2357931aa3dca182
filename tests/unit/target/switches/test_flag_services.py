"""Ready-made switches of flag services, and conditions of readiness, against a real HTTP server."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest
from pydantic import TypeAdapter

from drills.errors import NotInEffect, SwitchFailed, TargetUnreachable
from drills.target.fields import SecretHeader
from drills.target.profile.switches import SwitchSettings, recipe_of
from drills.target.recipes import HttpSwitchRecipe, ReadyCondition
from drills.target.switches.build import build

SETTINGS: TypeAdapter[SwitchSettings] = TypeAdapter(SwitchSettings)
UNLEASH = "/api/admin/projects/default/features/khala-web/environments/staging"
LAUNCHDARKLY = "/api/v2/flags/web/khala"


@dataclass
class Flags:
    """A flag, and every request about it."""

    on: bool = False
    build: str = "false"
    seen: list[tuple[str, str, object]] = field(default_factory=list)


class Handler(BaseHTTPRequestHandler):
    """Speaks as much of both services as the drill asks for."""

    flags: ClassVar[Flags]

    def do_GET(self) -> None:
        """Tell the flag, in each service's shape, or what the build answers."""
        flags = self.flags
        self._answer(
            {
                UNLEASH: {"name": "staging", "enabled": flags.on},
                LAUNCHDARKLY: {"environments": {"staging": {"on": flags.on}}},
                "/healthz": {"khala": flags.build},
            }.get(self.path)
        )

    def do_POST(self) -> None:
        """Switch as Unleash does, or evaluate as OpenFeature's remote protocol does."""
        if self.path == "/ofrep/v1/evaluate/flags/khala":
            self._answer({"key": "khala", "value": self.flags.on, "reason": "STATIC"})
            return
        word = self.path.removeprefix(f"{UNLEASH}/")
        self.flags.on = {"on": True, "off": False}.get(word, self.flags.on)
        self._answer({} if word in {"on", "off"} else None)

    def do_PATCH(self) -> None:
        """Switch as LaunchDarkly does."""
        (patch,) = self._note()
        self.flags.on = patch["value"]
        self._answer({} if patch["path"] == "/environments/staging/on" else None, noted=True)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in the standard library
        """Say nothing."""

    def _note(self) -> list[dict[str, Any]]:
        sent = self.rfile.read(int(self.headers["content-length"] or 0))
        content: list[dict[str, Any]] = json.loads(sent) if sent else []
        self.flags.seen.append((self.command, str(self.headers["authorization"]), content))
        return content

    def _answer(self, document: object, *, noted: bool = False) -> None:
        if not noted:
            self._note()
        body = json.dumps(document if document is not None else {"message": "no such flag"}).encode()
        self.send_response(404 if document is None else 200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@dataclass
class Service:
    """Where the services are, and their flag."""

    url: str
    flags: Flags


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """A server that knows one flag; its token is in the environment."""
    monkeypatch.setenv("FLAGS_TOKEN", "canary-flags")
    Handler.flags = flags = Flags()
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield Service(f"http://127.0.0.1:{server.server_port}", flags)
        server.shutdown()


def settings(kind: str, service: Service, **fields: object) -> SwitchSettings:
    project = "default" if kind == "unleash" else "web"
    feature = "khala-web" if kind == "unleash" else "khala"
    return SETTINGS.validate_python(
        {
            "kind": kind,
            "url": service.url,
            "project": project,
            "feature": feature,
            "environment": "staging",
            "token": {"env": "FLAGS_TOKEN"},
            "poll_seconds": 0,
            **fields,
        }
    )


@pytest.mark.parametrize("kind", ["unleash", "launchdarkly"])
def test_a_flag_is_read_and_set(kind: str, service: Service) -> None:
    """The runbook's words stand for on and off; the token goes as it is, without a word before it."""
    one = build(recipe_of("web", settings(kind, service, enabled="dual", disabled="convex-only")))
    assert one.read() == "convex-only"
    one.ask("dual")
    assert (one.read(), service.flags.on) == ("dual", True)
    one.ask("convex-only")
    assert (one.read(), service.flags.on) == ("convex-only", False)
    assert {token for _, token, _ in service.flags.seen} == {"canary-flags"}


def test_a_flag_that_is_not_there_is_told_in_the_services_words(service: Service) -> None:
    """A mistyped name is a refusal, not a value."""
    one = build(recipe_of("web", settings("unleash", service, feature="khala-wbe")))
    with pytest.raises(SwitchFailed, match=r"answered 404 \(no such flag\)"):
        one.read()


def test_a_flag_is_read_as_an_openfeature_provider_evaluates_it(service: Service) -> None:
    """OpenFeature's remote evaluation protocol is an HTTP request with a JSON answer, so `http` reads it."""
    recipe = HttpSwitchRecipe(
        switch="web",
        url=f"{service.url}/ofrep/v1/evaluate/flags/khala",
        read_method="POST",
        read_body={"context": {"targetingKey": "drill"}},
        values={"true": True, "false": False},
    )
    assert build(recipe).read() == "false"
    assert service.flags.seen[0][2] == {"context": {"targetingKey": "drill"}}


def test_a_header_may_hold_a_secret(service: Service) -> None:
    """It is read when it is sent, behind the words that the profile puts before it."""
    recipe = HttpSwitchRecipe(
        switch="web",
        url=f"{service.url}{UNLEASH}",
        pointer="/enabled",
        headers={"Authorization": SecretHeader(env="FLAGS_TOKEN", prefix="Api-Key ")},
    )
    build(recipe).read()
    assert service.flags.seen[0][1] == "Api-Key canary-flags"
    assert "canary" not in recipe.model_dump_json()


@pytest.mark.parametrize(
    ("condition", "reason"),
    [
        ({"pointer": "/khala", "equals": "{value}"}, "says 'false', not 'true'"),
        ({"contains": '"khala": "{value}"'}, "does not say"),
        ({"status": 503}, "answers 200"),
    ],
)
def test_a_value_counts_when_what_runs_answers_with_it(
    service: Service, condition: dict[str, object], reason: str
) -> None:
    """Until then the switch tells where it stands, so that it can be put back without waiting for a broken build."""
    ready = ReadyCondition.model_validate({"url": f"{service.url}/healthz", **condition})
    one = build(recipe_of("web", settings("unleash", service, ready=ready)))
    one.ask("true")
    with pytest.raises(NotInEffect, match=reason) as caught:
        one.read()
    assert caught.value.stands_at == "true"
    service.flags.build = "true"
    if "status" not in condition:
        assert one.read() == "true"


def test_a_build_that_does_not_answer_is_not_ready(service: Service) -> None:
    """Nobody there is a reason as good as a wrong answer."""
    ready = ReadyCondition(url="http://127.0.0.1:9/healthz", timeout_seconds=1)
    with pytest.raises(NotInEffect, match="no answer"):
        build(recipe_of("web", settings("unleash", service, ready=ready))).read()


def test_a_service_is_not_asked_more_often_than_the_profile_says(service: Service) -> None:
    """In between, what was found last is told again; a change is looked at anew."""
    one = build(recipe_of("web", settings("unleash", service, poll_seconds=60)))
    assert [one.read() for _ in range(5)] == ["false"] * 5
    assert len(service.flags.seen) == 1
    one.ask("true")
    assert (one.read(), len(service.flags.seen)) == ("true", 3)
    gone = build(recipe_of("web", settings("unleash", service, poll_seconds=60, url="http://127.0.0.1:9")))
    for _ in range(2):
        with pytest.raises(TargetUnreachable):
            gone.read()
