"""One page about a workspace: what it holds, how well its models do, what they recommend, and how they look inside."""
