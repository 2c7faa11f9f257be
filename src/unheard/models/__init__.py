"""Models: tensors in, tensors out; no files, no ids. Recipes say which network, which loss, which input."""
