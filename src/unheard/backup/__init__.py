"""Copy a workspace into one file or folder while other commands run, and restore it."""
