"""Questions that pages and API both ask, as plain functions of a `Served`."""
