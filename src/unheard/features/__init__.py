"""Features: vectors of tracks, extracted by extractors, stored in one feature store, read by recipes."""
