"""Links in a page's footer: the same page in another language or display mode."""

from collections.abc import Callable
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

from aiohttp import web

START = "/desk/"
SIZE_MAX = 800
SAFE = ("GET", "HEAD")


def build_display_links(request: web.Request, names: tuple[str, ...]) -> Callable[..., str]:
    """`href(lang="en")`: the link for that choice, keeping the rest of the query.

    The response to a form has no address of its own: the page with the form is used.
    """
    parts = urlsplit(request.path_qs) if request.method in SAFE else _came_from(request)
    kept = [(name, value) for name, value in parse_qsl(parts.query) if name not in names]

    def href(**chosen: str) -> str:
        return f"{parts.path}?{urlencode([*kept, *chosen.items()])}"

    return href


def _came_from(request: web.Request) -> SplitResult:
    """The page of ours that sent this request; the desk's first screen if unknown."""
    said = request.headers.get("Referer", "")
    try:
        parts = urlsplit(said)
    except ValueError:
        return urlsplit(START)
    ours = parts.netloc == request.host and parts.path.startswith("/") and len(said) <= SIZE_MAX
    return parts if ours and not parts.path.startswith("//") else urlsplit(START)
