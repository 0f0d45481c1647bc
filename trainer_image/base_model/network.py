"""The network: Llama 3's architecture in miniature, and the reparameterisation that suits LoRA."""

import torch
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from contracts.chat.llama3 import END_OF_TURN
from trainer_image.base_model.recipe import Recipe
from trainer_image.base_model.tokenizer import END_OF_TEXT

RMS_NORM_EPS = 1e-5


def create_model(recipe: Recipe, tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """A freshly initialised model; seed torch before."""
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=recipe.hidden_size,
        intermediate_size=recipe.intermediate_size,
        num_hidden_layers=recipe.layers,
        num_attention_heads=recipe.attention_heads,
        num_key_value_heads=recipe.key_value_heads,
        max_position_embeddings=recipe.context_length,
        rope_parameters={"rope_type": "default", "rope_theta": recipe.rope_theta},
        rms_norm_eps=RMS_NORM_EPS,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    model = LlamaForCausalLM(config)
    model.generation_config = generation_config(tokenizer)
    return model


def generation_config(tokenizer: PreTrainedTokenizerFast) -> GenerationConfig:
    stops = [tokenizer.convert_tokens_to_ids(token) for token in (END_OF_TURN, END_OF_TEXT)]
    return GenerationConfig(
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=stops,
        pad_token_id=tokenizer.pad_token_id,
        do_sample=True,
        temperature=0.6,
        top_p=0.9,
    )


def fold_width_factor(model: LlamaForCausalLM, factor: float) -> None:
    """Rescale the weights so that outputs stay the same and a LoRA step weighs `factor` times as much.

    Why: an Adam step moves every adapter weight by about the learning rate, whatever the model's size, but
    a layer's output sums over its inputs, so the same step means less in a narrower layer. The usual rule
    (muP, arXiv:2203.03466) is a learning rate in proportion to 1/width. The presets are meant for widths of
    4096-8192. Instead of other presets for the local model, its weights carry the factor: matrices are
    divided by it, norms multiplied. The residual stream shrinks by the factor, which the norms undo
    (their epsilon shrinks with its square).
    """
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 2:
                parameter.div_(factor)
            else:
                parameter.mul_(factor)
    epsilon = model.config.rms_norm_eps / factor**2
    model.config.rms_norm_eps = epsilon
    for module in model.modules():
        if hasattr(module, "variance_epsilon"):
            module.variance_epsilon = epsilon
