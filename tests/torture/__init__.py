"""Damage of every kind to every file of a workspace: results stay the same, or a command refuses and says why."""
