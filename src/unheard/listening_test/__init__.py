"""A blind listening test: create, answer, analyse."""
