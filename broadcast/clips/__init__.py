"""The clip store: sounds are decoded, levelled, and stored by their content's hash."""
