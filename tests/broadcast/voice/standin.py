"""Stands in for sherpa-onnx-offline-tts and piper, whose models are too large for a test.

Written from their command lines, and as strict as they are: an option that they do not know, a
model that is not there, or a missing text is an error. What it "says" is a tone whose length is
that of the text.

    standin.py sherpa --vits-model=… --vits-tokens=… [--vits-lexicon=…] --output-filename=… TEXT
    echo TEXT | standin.py piper --model … --output_file …
"""

import argparse
import math
import struct
import sys
import wave
from pathlib import Path


def main() -> int:
    kind, arguments = sys.argv[1], sys.argv[2:]
    parser = argparse.ArgumentParser(allow_abbrev=False)
    if kind == "sherpa":
        parser.add_argument("--num-threads", type=int)
        parser.add_argument("--vits-model", type=Path, required=True)
        parser.add_argument("--vits-tokens", type=Path, required=True)
        for name in ("--vits-lexicon", "--vits-dict-dir", "--tts-rule-fsts"):
            parser.add_argument(name)
        parser.add_argument("--output-filename", type=Path, required=True)
        parser.add_argument("text")
        args = parser.parse_args(arguments)
        model, out, text = args.vits_model, args.output_filename, args.text
        assert args.vits_tokens.is_file()
    else:
        parser.add_argument("--model", type=Path, required=True)
        parser.add_argument("--output_file", type=Path, required=True)
        args = parser.parse_args(arguments)
        model, out, text = args.model, args.output_file, sys.stdin.readline().strip()
        assert model.with_suffix(".onnx.json").is_file()
    if model.read_text() == "broken" or not text:
        return 1
    with wave.open(str(out), "wb") as file:
        file.setparams((1, 2, 22050, 0, "NONE", ""))
        count = 22050 * (1 + len(text)) // 4
        samples = (round(9000 * math.sin(n * 0.1)) for n in range(count))
        file.writeframes(b"".join(struct.pack("<h", sample) for sample in samples))
    return 0


if __name__ == "__main__":
    sys.exit(main())
