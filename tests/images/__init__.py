"""Container images that stand in for official ones where no registry is reached."""
