"""Use cases: announce what happened, deliver what is due."""
