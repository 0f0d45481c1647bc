"""What one core, one connection and one GB of stream carry: `python -m benchmarks.capacity [--json PATH]`.

Processor time is counted, not seconds: what a request, an event, a point costs each program. A core has 1,000 ms of it
a second, so that figures of a busy machine can be used for planning (docs/operations/capacity.md).
"""
