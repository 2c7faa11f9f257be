"""Sections of the report: text, tables and figures from its data."""
