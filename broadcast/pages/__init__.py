"""The desk's broadcast pages: what they show, and what a person does on them.

deck.py                what the pages look at
words.py               an order as a person reads it
now.py zones.py        what sounds, and where
ahead.py past.py       what comes, and what came of what was
hint.py                why a press would be refused, said before it
board.py card.py       all of it as one view; the desk's first screen
acts.py                what a person does: play, stop
    prepared.py planned.py presets and schedules
clips.py               recordings: taken in, heard here, played
microphone.py          somebody speaks
listen.py              hear here what a zone plays
"""
