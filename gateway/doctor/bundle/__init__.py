"""`yizhan doctor --bundle`: one file for support, without anybody's personal data.

Two barriers: nothing personal is collected in the first place (no request, audit, account name or
comment), and everything collected passes the scrubber all the same.
"""
