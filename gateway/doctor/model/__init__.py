"""What the doctor looks at and what it says: facts, findings, their text."""
