"""Loudspeakers: everything that turns frames into sound, behind one contract."""
