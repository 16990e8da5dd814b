"""Enrolment: `yizhan enrol` binds this station to a platform with a one-time token."""
