"""Enrolment: how a station is bound to a platform, and its certificate kept valid.

certificates.py  the files of one enrolment in the state's `keys/`
client.py        the platform's two addresses for it: claim and renew
renewal.py       renews at two thirds of a certificate's life
"""
