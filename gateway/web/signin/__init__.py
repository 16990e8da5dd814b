"""The pages of sign-in: coming in and out, the ring of keys, trusting the station's certificate.

- section.py  the addresses, with what each asks for
- enter.py    claim, password, PIN, one-time code, out
- ring.py     who has an account; installers, and the console
- trust.py    how a computer takes in the station's authority
- command.py  `yizhan accounts`
"""
