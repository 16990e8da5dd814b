"""English texts: voices read numbers and times themselves; only what they misread is changed."""

import re
import unicodedata

_MARKS = str.maketrans({"，": ", ", "。": ". ", "；": "; ", "：": ": ", "！": "! ", "？": "? "})


def read_english(text: str) -> str:
    """One line of plain text, without control characters and signs that are not spoken."""
    plain = unicodedata.normalize("NFKC", text.translate(_MARKS))
    kept = "".join(each if unicodedata.category(each)[0] in "LNPSZ" else " " for each in plain)
    said = re.sub(r"[<>{}\[\]\\|^~_*#]+", " ", kept)
    line = " ".join(said.split())
    return line if any(each.isalnum() for each in line) else ""
