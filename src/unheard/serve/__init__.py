"""The web server: pages for a browser and an HTTP API over `session.py`."""
