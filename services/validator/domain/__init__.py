"""Pure rules: likelihoods in, a verdict out."""
