"""The manifests of k8s/: rendered, validated, held to the project's rules, and started."""
