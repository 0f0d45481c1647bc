"""What the trainer's process prints, told while it runs and by a process that survives it."""
