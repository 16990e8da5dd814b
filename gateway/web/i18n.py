"""The reader's language, and the texts in it.

Every word on a page is a code of the catalogues in `gateway/texts`; pages and handlers contain
none.
"""

from collections.abc import Sequence

from aiohttp import web

from gateway import texts

TAGS = {"zh": "zh-CN", "en": "en"}

AGES = (
    (2, 1, "web.age-now"),
    (90, 1, "web.age-seconds"),
    (5400, 60, "web.age-minutes"),
    (172_800, 3600, "web.age-hours"),
    (10**12, 86_400, "web.age-days"),
)
# An age below the first figure is given in units of the second. The page's script uses the same
# table, because ages keep growing on a page that has lost the station.
SPANS = (
    (90, 1, "web.span-seconds"),
    (5400, 60, "web.span-minutes"),
    (172_800, 3600, "web.span-hours"),
    (10**12, 86_400, "web.span-days"),
)


class Translator(texts.Texts):
    """One language of the catalogues for pages: call it with a code."""

    __call__ = texts.Texts.say

    @property
    def tag(self) -> str:
        """The language tag for HTML."""
        return TAGS[self.lang]

    def age(self, seconds: float) -> str:
        """A past time in words."""
        unit, code = next((unit, code) for below, unit, code in AGES if seconds < below)
        return self.say(code, n=int(seconds // unit))

    def ages(self) -> Sequence[tuple[int, int, str]]:
        """The table that `age` uses, for the page's script: `{n}` stands for the count."""
        return [(below, unit, self.say(code, n="{n}")) for below, unit, code in AGES]

    def span(self, seconds: float) -> str:
        """A duration in words; never less than a second."""
        unit, code = next((unit, code) for below, unit, code in SPANS if seconds < below)
        return self.say(code, n=max(1, int(seconds // unit)))


CATALOGUES = {language: Translator(language) for language in texts.LANGUAGES}


def translator_for(request: web.Request) -> Translator:
    """The reader's language: `?lang=`, else the remembered choice, else the browser's, else zh."""
    for asked in (request.query.get("lang"), request.cookies.get("lang")):
        if asked in CATALOGUES:
            return CATALOGUES[asked]
    return CATALOGUES[_preferred(request.headers.get("Accept-Language", ""))]


def _preferred(header: str) -> str:
    """The first of our languages that the browser names; browsers name the preferred first."""
    for part in header.split(",")[:16]:
        language = part.strip()[:2].lower()
        if language in CATALOGUES:
            return language
    return texts.LANGUAGES[0]
