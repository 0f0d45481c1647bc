"""Two processes of each service: hung, killed, restarted, cut off, with clocks half a minute apart."""
