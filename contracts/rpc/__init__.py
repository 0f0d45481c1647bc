"""Typed request/reply between services, and between a pod and the provisioner."""

from contracts.rpc.spec import PodRpc, Rpc

__all__ = ["PodRpc", "Rpc"]
