"""Renders pages: a section's template and its view inside the station's layout.

A template takes everything that can change through the macros of `web/parts.html`, by key, so the
first rendering and the updates that follow show the same view.
"""

from collections.abc import Callable, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any

import jinja2
from aiohttp import web

from gateway.access import codes
from gateway.errors import UsageError
from gateway.health import Vitals
from gateway.web.authorization import CALLER, FORM_COOKIE, form_token
from gateway.web.display_links import build_display_links
from gateway.web.i18n import translator_for
from gateway.web.page_header import header_view
from gateway.web.responses import Problem
from gateway.web.section import NavTab, Section, View
from gateway.web.static_files import StaticFiles
from gateway.web.template_cache import check_templates, template_environment

PARTS = Path(__file__).with_name("parts")
CHOICE_COOKIE_S = 365 * 86_400


class PageRenderer:
    """The Jinja environment of the station, and the data of its layout."""

    def __init__(
        self, sections: Sequence[Section], statics: StaticFiles, vitals: Callable[[], Vitals]
    ) -> None:
        self._vitals = vitals
        self._tabs = _tabs(sections)
        self._signs_in = any(section.name == "signin" for section in sections)
        self.environment = template_environment(_loader(sections))
        self.environment.globals.update(static=statics.address, ns="")
        check_templates(self.environment)

    def render(
        self,
        request: web.Request,
        template: str,
        vitals: Vitals,
        view: View,
        *,
        status: int = HTTPStatus.OK,
        **context: Any,
    ) -> web.Response:
        """The page, in the reader's language and display mode."""
        words = translator_for(request)
        form, fresh = _form(request)
        text = self.environment.get_template(template).render(
            w=words,
            view={**header_view(vitals, words), **view},
            vitals=vitals,
            tabs=self._tabs,
            path=request.path,
            night=_choice(request, "night"),
            caller=request.get(CALLER),
            form=form,
            signs_in=self._signs_in,
            keys=_choice(request, "keys"),
            href=build_display_links(request, tuple(CHOICES)),
            **context,
        )
        response = web.Response(text=text, content_type="text/html", status=status)
        response.enable_compression()
        response.headers["Cache-Control"] = "no-store"
        response.headers["Content-Language"] = words.tag
        _remember(request, response)
        if fresh:
            set_cookie(response, FORM_COOKIE, fresh)
        return response

    def refuse(self, request: web.Request, what: Problem) -> web.Response:
        """The page that explains why there is no page, and what to do."""
        return self.render(
            request, "web/problem.html", self._vitals(), {}, status=what.status, problem=what
        )


PAGES = web.AppKey("pages", PageRenderer)


def _form(request: web.Request) -> tuple[str, str]:
    """The token for this page's forms, and the cookie to set if the reader had none."""
    token = form_token(request)
    if token:
        return token, ""
    fresh = codes.new_token()
    return codes.form_token(fresh), fresh


def set_cookie(
    response: web.StreamResponse, name: str, value: str, *, max_age: int | None = None
) -> None:
    """A cookie that only this station sets and reads, and no script can see."""
    response.set_cookie(
        name, value, max_age=max_age, path="/", secure=True, httponly=True, samesite="Strict"
    )


def _tabs(sections: Sequence[Section]) -> list[NavTab]:
    tabs = sorted((s.nav for s in sections if s.nav), key=lambda nav: nav.number)
    if len({nav.number for nav in tabs}) != len(tabs):
        raise UsageError("web.tab-twice", tabs=[nav.path for nav in tabs])
    return tabs


def _loader(sections: Sequence[Section]) -> jinja2.BaseLoader:
    folders: dict[str, jinja2.BaseLoader] = {"web": jinja2.FileSystemLoader(PARTS)}
    for section in sections:
        if section.templates is not None:
            folders[section.name] = jinja2.FileSystemLoader(section.templates)
    return jinja2.PrefixLoader(folders)


# A reader's display options, the default first. `night` auto follows the device; `keys`: whether a
# number key opens the tab of that number.
CHOICES = {"lang": ("zh", "en"), "night": ("auto", "on", "off"), "keys": ("on", "off")}


def _choice(request: web.Request, name: str) -> str:
    for asked in (request.query.get(name), request.cookies.get(name)):
        if asked in CHOICES[name]:
            return asked
    return CHOICES[name][0]


def _remember(request: web.Request, response: web.Response) -> None:
    """Store a choice made by a display link; it is a preference without personal data."""
    for name, allowed in CHOICES.items():
        chosen = request.query.get(name)
        if chosen in allowed:
            response.set_cookie(
                name, chosen, max_age=CHOICE_COOKIE_S, httponly=True, samesite="Strict"
            )
