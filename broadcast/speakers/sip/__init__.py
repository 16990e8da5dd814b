"""Speakers that are called: a SIP user agent (RFC 3261) as small as a page needs.

message.py   requests and answers as text
call.py      one call: its states, what is sent again, and when it is given up
speaker.py   the sockets, and the sound that waits for the answer
"""
