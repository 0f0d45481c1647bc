"""One pod per attempt of a job: asked for, watched, replaced when it is interrupted, and always cleaned away."""
