"""What whoever runs the installation looks at."""
