"""Features: per-track vectors made by extractors, kept in one store, read by recipes."""
