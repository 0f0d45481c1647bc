"""The figures of docs/benchmarks.md. Each module has `main(argv) -> dict`; `python -m benchmarks` runs them all."""
