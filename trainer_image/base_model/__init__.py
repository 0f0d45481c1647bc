"""The local base model: a tiny Llama-3-shaped chat model that is built on first use.

Importing this package does not import torch, so that a call that finds the model built stays fast.
"""

from trainer_image.base_model.cache import BaseModelError, content_hash, ensure_base_model, is_current

__all__ = ["BaseModelError", "content_hash", "ensure_base_model", "is_current"]
