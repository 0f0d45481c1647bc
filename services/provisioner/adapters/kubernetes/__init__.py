"""Provider `kubernetes`: GPU Jobs on the cluster's own nodes."""
