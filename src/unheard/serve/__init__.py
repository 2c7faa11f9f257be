"""The workspace in a browser and over HTTP: pages and an API over `session.py`."""
