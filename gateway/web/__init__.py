"""The hall's web room: one server, one style sheet, and the sections that other rooms hand over."""
