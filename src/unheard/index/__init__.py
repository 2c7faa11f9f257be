"""Find the vectors with the largest dot products with a query among a million, without reading them all.

row_vectors.py    rows of a matrix as they are, or centred and scaled to unit length; an exact scan
inverted_file.py  lists of near vectors; a query reads the most promising lists
build_index.py    how the lists are made, and how many of them a query has to read
stored_index.py   the file, memory-mapped, and the changes since it was written
"""
