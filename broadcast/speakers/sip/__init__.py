"""Loudspeakers that are called: a minimal SIP user agent (RFC 3261) for paging."""
