"""A wish: somebody asks for a hand, and a neighbour lends one."""
