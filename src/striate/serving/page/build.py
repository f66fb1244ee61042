"""The page, put together when the service starts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment

from striate.support.html import asset, content_hash, frame, templates

if TYPE_CHECKING:
    from striate.serving.models import Models

ASSETS = Path(__file__).parent


@dataclass(frozen=True)
class Page:
    """What people see.

    Attributes:
        shared: what every template takes.
        entrance: where they enter the token.
        wrong_token: that again, after a wrong one.
        headers: of every page: what a browser lets it load, which is nothing of others.
    """

    shared: dict[str, Any]
    entrance: str
    wrong_token: str
    headers: dict[str, str]

    def html(self, models: Models) -> str:
        """The page, with the models that are served at the moment."""
        return _templates().get_template("page.html").render(data=_data(models), **self.shared)


def build() -> Page:
    """The pages, with all that is the same at every time."""
    style, script = asset(ASSETS / "page.css"), asset(ASSETS / "page.js")
    shared = frame(style, script)
    enter = _templates().get_template("enter.html")
    policy = (
        "default-src 'none'; img-src 'self' blob: data:; connect-src 'self'; form-action 'self'; "
        f"base-uri 'none'; frame-ancestors 'none'; style-src '{content_hash(style)}'; "
        f"script-src '{content_hash(script)}'"
    )
    return Page(
        shared=shared,
        entrance=enter.render(wrong=False, **shared),
        wrong_token=enter.render(wrong=True, **shared),
        headers={
            "Content-Security-Policy": policy,
            "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
        },
    )


def _data(models: Models) -> dict[str, Any]:
    """What the page's script knows from the beginning."""
    return {
        "models": [
            {
                "name": each.name,
                **each.kind.page,
                "engine": each.engine,
                "input": list(each.predictor.input),
                "maps": each.pipeline.heat_maps is not None,
                "examples": [one.name for one in models.examples.get(each.name, ())],
            }
            for each in models.served
        ]
    }


@cache
def _templates() -> Environment:
    return templates(ASSETS)
