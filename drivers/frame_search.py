"""Finding one frame in received bytes. Pure."""

from collections.abc import Callable


def find_first_frame(
    heard: bytes, mark: int, size_of: Callable[[bytes], int], *, final: bool
) -> tuple[int, int] | None:
    """Where the first complete frame is; None: not there (yet).

    Frames begin with the byte `mark`. `size_of` returns the length of the frame at the front of its
    argument: 0 for no frame, more than there is for an unfinished one. An unfinished frame hides
    what is behind it unless nothing more will come (`final`), so that what is found in a prefix is
    found in the whole.
    """
    start = heard.find(mark)
    while start >= 0:
        size = size_of(heard[start:])
        if 0 < size <= len(heard) - start:
            return start, start + size
        if size and not final:
            return None
        start = heard.find(mark, start + 1)
    return None
