"""A Kubernetes for tests: the API of one namespace over real HTTP, with processes of this machine as containers.

    python -m tests.fake_kubernetes --port 8901 --token secret -- python -m trainer_image

Jobs, their pods and Secrets live as in a cluster: a job controller, a scheduler over nodes with GPUs, a kubelet, the
removal of what an owner leaves behind. What it takes and says follows the published schemas (schemas.py).
"""
