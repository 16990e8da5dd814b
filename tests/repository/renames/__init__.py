"""Rename modules and their public names over the whole tree, by syntax, from one table.

tree.py      the modules of a checkout: what each binds, and where an imported name is defined
table.py     the table (docs/renames.tsv), its inverse, and what is wrong with it
rewriter.py  the edits of one module
strings.py   paths and dotted names in strings, comments and documents

    python -m tests.repository.renames check docs/renames.tsv
    python -m tests.repository.renames apply docs/renames.tsv
    python -m tests.repository.renames prove docs/renames.tsv BEFORE AFTER

A name changes where it is bound and wherever that binding is read: imports, re-exports, references,
quoted annotations. `prove` applies the inverse table to the commit AFTER and compares every syntax
tree with the commit BEFORE. It needs Python 3.12 or later: older releases do not say where an
expression within an f-string stands.
"""
