"""The whole staging: each part started, told where the others are, and ended in the reverse order."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from string import Template

from tests.real_staging.deployment import Deployed, Order, deployment
from tests.real_staging.desktop import desktop
from tests.real_staging.postgres import cluster
from tests.real_staging.processes import LOOPBACK, free_port
from tests.real_staging.prometheus import prometheus
from tests.real_staging.proxy import proxy
from tests.real_staging.unleash import USER, Unleash, server

HERE = Path(__file__).parent
#: The flag in Unleash that each surface is built with.
FEATURES = {"web": "khala-web", "mobile": "khala-mobile", "desktop": "khala-desktop"}


@dataclass(frozen=True, slots=True)
class RealStaging:
    """A staging that is up. ``secrets`` are the environment variables that its profile refers to."""

    profile: Path
    secrets: Mapping[str, str]
    urls: Mapping[str, str]


@contextmanager
def assembled(folder: Path, package: Path, profiles: Path) -> Generator[RealStaging]:
    """Assemble a staging in ``folder``, with the Unleash in ``package``, and write its profile to ``profiles``."""
    folder.chmod(0o700)
    with ExitStack() as parts:
        postgres = parts.enter_context(cluster(folder / "postgres.log"))
        unleash = parts.enter_context(server(package, postgres.create("unleash"), folder / "unleash.log"))
        unleash.create(FEATURES.values())
        port = free_port()
        order = Order(
            folder=_made(folder / "product"),
            database=postgres.create("runtime"),
            web=f"http://{LOOPBACK}:{port}",
            unleash=unleash.url,
            client_token=unleash.client_token,
            features=FEATURES,
        )
        product = parts.enter_context(deployment(order))
        urls = {
            **product.urls,
            "unleash": unleash.url,
            "web": parts.enter_context(proxy(folder / "nginx", port, product.urls["web"], unleash.url)),
            "prometheus": parts.enter_context(prometheus(folder / "prometheus", product.urls["runtime"])),
            "devtools": parts.enter_context(desktop(folder / "desktop", product.urls["desktop"])),
        }
        secrets = _secrets(unleash, product) | {"STAGING_DATABASE": postgres.reader(order.database)}
        yield RealStaging(_write_profile(profiles, urls), secrets, urls)


def _made(folder: Path) -> Path:
    folder.mkdir(mode=0o700)
    return folder


def _write_profile(folder: Path, urls: Mapping[str, str]) -> Path:
    sockets = {"runtime_socket": urls["runtime"].replace("http", "ws", 1)}
    for name in ("real.toml", "web-login.toml"):
        text = Template((HERE / name).read_text(encoding="utf-8")).substitute(urls, **sockets, user=USER)
        (folder / name).write_text(text, encoding="utf-8")
    return folder / "real.toml"


def _secrets(unleash: Unleash, product: Deployed) -> dict[str, str]:
    return {
        "STAGING_UNLEASH_TOKEN": unleash.admin_token,
        "STAGING_OPERATOR_PASSWORD": unleash.password,
        "STAGING_OPERATOR_TOKEN": product.operator_token,
        "STAGING_SESSION": product.session,
    }
