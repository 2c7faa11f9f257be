"""Generate the demo: a world of audible music by imaginary bands, and SIMULATED listeners."""
