"""English texts: the voices read numbers and times themselves; only what they trip over changes."""

import re
import unicodedata

_MARKS = str.maketrans({"，": ", ", "。": ". ", "；": "; ", "：": ": ", "！": "! ", "？": "? "})


def read_english(text: str) -> str:
    """One line of plain text; control characters and signs that nobody says are gone."""
    plain = unicodedata.normalize("NFKC", text.translate(_MARKS))
    kept = "".join(each if unicodedata.category(each)[0] in "LNPSZ" else " " for each in plain)
    said = re.sub(r"[<>{}\[\]\\|^~_*#]+", " ", kept)
    line = " ".join(said.split())
    return line if any(each.isalnum() for each in line) else ""
