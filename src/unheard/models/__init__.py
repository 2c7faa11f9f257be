"""Define networks, rankers and their recipes. Models map tensors to tensors and know no files and no ids."""
