"""The web room: one server, one style sheet, and the sections that other rooms contribute."""
