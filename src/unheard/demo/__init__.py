"""Demo: a made-up world of audible music by imaginary bands and SIMULATED listeners."""
