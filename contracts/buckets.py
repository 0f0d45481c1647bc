"""Where objects lie: one bucket for each kind."""

TRAINING_FILES, TRAINING_CHECKPOINTS, MODEL_ARTIFACTS = "training-files", "training-checkpoints", "model-artifacts"
BUCKETS = (TRAINING_FILES, TRAINING_CHECKPOINTS, MODEL_ARTIFACTS)
