"""A fleet of jobs on machines that vanish: the real services, a RunPod of our own, trainers without a model."""
