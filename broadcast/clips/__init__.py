"""What is played is prepared first: decoded, levelled, and laid on the shelf as a `Clip`.

clip.py     the one form of sound that the engine plays
shelf.py    all clips, named by content, bounded (`index.py`: its list, pure)
upload.py   what a person brings, streamed to the disk under a cap
decode.py   any audio file into a clip at the station's loudness, by ffmpeg
chime.py    the station's own signals, computed
live.py     a microphone's bytes in frames, and its recording
capped.py   foreign programs under limits
"""
