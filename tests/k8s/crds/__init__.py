"""What the manifests use of other projects' resources, as JSON schemas that allow nothing else."""
