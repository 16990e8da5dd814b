"""A wish at the kiosk: its number, and taking it back."""

from kiosk.requests.request import Request
from kiosk.screen.context import (
    RenderContext,
    TypeScreens,
    build_screen,
    foot_keys,
    service_board,
    wide_key,
)
from kiosk.screen.model import ScreenLine, ScreenModel


class WishScreens(TypeScreens):
    """One page for all states."""

    def draw(self, scene: RenderContext, request: Request) -> ScreenModel:
        """The number, and a key to take it back while that is possible."""
        words = scene.words
        back = wide_key(scene, "confirm", words("kiosk.cancel-wish"), "cross", number="4")
        can_cancel = "cancel" in request.type.allowed_events(request.state, staff=False)
        return build_screen(
            scene,
            f"wish-{request.state}",
            words(f"kiosk.wish-{request.state}"),
            shape="hollow" if request.ended else "field",
            lines=(ScreenLine(kind="digits", text=request.number, size="x5"),),
            caption=scene.said(request),
            keys=(back,) if can_cancel else (),
            foot=foot_keys(scene, "home"),
            **service_board(scene, scene.services[request.service]),
        )


SCREENS = WishScreens()
