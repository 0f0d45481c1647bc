"""The local base model: a tiny Llama-3-shaped chat model. `shipped/` holds it, the rest is how it was made.

Importing this package does not import torch.
"""

from trainer_image.base_model.folder import BaseModelError, build_base_model

__all__ = ["BaseModelError", "build_base_model"]
