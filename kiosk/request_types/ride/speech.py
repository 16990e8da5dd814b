"""What the sentences of a ride depend on beside its state: the car, and who looks for it."""

from collections.abc import Mapping

from kiosk.request_types.ride.dispatch import NO_ROAD
from kiosk.request_types.ride.type import RideState
from kiosk.requests.request import Request
from kiosk.speech.sentences import TypeSpeech

# Said in place of `asking`: the ride's platform has left the settings; staff look for a car.
HANDED_OVER, AT_DESK = "handed-over", "at-desk"


class RideSpeech(TypeSpeech):
    """A plate is read sign by sign, minutes as a number."""

    def entry(self, request: Request) -> str:
        """While staff look for a car, that is said."""
        if request.state == RideState.ASKING and request.code == NO_ROAD:
            return HANDED_OVER
        return AT_DESK if request.at_desk else request.state

    def slots(self, request: Request) -> Mapping[str, str]:
        """The car's; empty without one."""
        car = None if request.ride is None else request.ride.car
        minutes = None if car is None else car.minutes
        return {
            "plate": "" if car is None else car.plate,
            "colour": "" if car is None else car.colour,
            "brand": "" if car is None else car.brand,
            "minutes": "" if minutes is None else str(minutes),
        }


SPEECH = RideSpeech()
