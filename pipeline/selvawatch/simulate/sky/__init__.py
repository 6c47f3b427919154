"""What lies between a satellite and the simulated terrain, and the numbers each sensor makes of both."""
