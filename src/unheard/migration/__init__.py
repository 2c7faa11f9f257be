"""Migration of workspaces that were made by earlier versions of unheard."""
