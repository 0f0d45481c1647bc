"""Metric points stored by us, by an MLflow server and by Trackio, in one run on one machine."""
