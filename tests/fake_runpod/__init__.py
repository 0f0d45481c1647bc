"""A RunPod for tests: REST v2 and the GraphQL mutation for spot pods over real HTTP, with processes as pods.

    python -m tests.fake_runpod --port 8900 --api-key secret -- python -m trainer_image

What it says of itself follows the provider's OpenAPI document (test_contract.py); what that document leaves open
(lagging lists, spot, capacity, balance) can be ordered from `Faults` and `Account`.
"""
