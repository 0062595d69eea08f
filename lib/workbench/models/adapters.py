"""Small modules beside a frozen encoder: bottleneck adapters, prefixes and prompts. They hook on; no layer is replaced.

Adapters and prefixes begin as nothing: before the first step the model gives the base model's scores.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import nn
from torch.nn.functional import scaled_dot_product_attention

SUBLAYER_ENDS = re.compile(r"(^|\.)(output\.dense|out_lin|lin2|Wo|c_proj)$")
"""What projects a sub-layer's result back to the hidden size: BERT and kin, DistilBERT, ModernBERT, GPT-2."""


class Bottleneck(nn.Module):
    """x + up(gelu(down(x))) with `up` at zero (Houlsby et al. 2019, Parameter-Efficient Transfer Learning for NLP)."""

    def __init__(self, hidden: int, size: int) -> None:
        super().__init__()
        self.down, self.up = nn.Linear(hidden, size), nn.Linear(size, hidden)
        nn.init.normal_(self.down.weight, std=0.02)
        for parameter in (self.down.bias, self.up.weight, self.up.bias):
            nn.init.zeros_(parameter)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """As x: (rows × length × hidden)."""
        return x + self.up(nn.functional.gelu(self.down(x)))


class Prefix(nn.Module):
    """Keys and values of `size` learned positions, attended to beside the text's own, behind a gate per head.

    What is added is tanh(gate) · softmax(q·K)·V: prefix-tuning (Li and Liang 2021) in the form of He et al. 2022
    (Towards a Unified View of Parameter-Efficient Transfer Learning, equation 7), with the zero gate of Zhang et al.
    2023 (LLaMA-Adapter) in place of λ, so that it begins as nothing.
    """

    def __init__(self, hidden: int, heads: int, size: int) -> None:
        super().__init__()
        self.keys, self.values = (nn.Parameter(torch.randn(heads, size, hidden // heads) * 0.02) for _ in range(2))
        self.gate = nn.Parameter(torch.zeros(heads, 1, 1))

    def forward(self, queries: torch.Tensor) -> torch.Tensor:
        """From queries (rows × length × hidden) what the prefix adds to the attention's result, of the same shape."""
        rows, length, hidden = queries.shape
        heads = self.keys.shape[0]
        split = queries.view(rows, length, heads, hidden // heads).transpose(1, 2)
        keys, values = (part.to(split.dtype).expand(rows, -1, -1, -1) for part in (self.keys, self.values))
        found = torch.tanh(self.gate).to(split.dtype) * scaled_dot_product_attention(split, keys, values)
        return found.transpose(1, 2).reshape(rows, length, hidden)


class Prompt(nn.Module):
    """Embeddings of `size` learned words before each text (Lester et al. 2021, The Power of Scale …)."""

    def __init__(self, words: torch.Tensor, size: int) -> None:
        super().__init__()
        chosen = torch.randperm(len(words))[:size]  # the paper's best start: words of the vocabulary
        self.words = nn.Parameter(words.detach()[chosen].clone())

    def before(self, encoder: Any, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """The encoder's inputs with the prompt set before each row."""
        embedded = encoder.get_input_embeddings()(inputs["input_ids"])
        rows, size = len(embedded), len(self.words)
        if embedded.shape[1] + size > (most := getattr(encoder.config, "max_position_embeddings", 10**9)):
            raise ValueError(
                f"A prompt of {size} words before rows of {embedded.shape[1]} tokens is more than the {most} places of "
                f"the model: set max_length to {most - size} or less."
            )
        longer = {name: value for name, value in inputs.items() if name != "input_ids"}
        longer["inputs_embeds"] = torch.cat([self.words.to(embedded.dtype).expand(rows, -1, -1), embedded], dim=1)
        for name, fill in (("attention_mask", 1), ("token_type_ids", 0)):
            if name in longer:
                longer[name] = torch.cat([longer[name].new_full((rows, size), fill), longer[name]], dim=1)
        return longer


def add_bottlenecks(blocks: Iterable[nn.Module], size: int) -> int:
    """Hook a bottleneck on the end of each sub-layer; returns how many there are."""
    ends = [part for block in blocks for name, part in block.named_modules() if SUBLAYER_ENDS.search(name)]
    for end in ends:
        weight = end.get_parameter("weight")
        hidden = weight.shape[0] if isinstance(end, nn.Linear) else weight.shape[1]  # GPT-2's lies the other way
        end.add_module("adapter", Bottleneck(hidden, size))
        end.register_forward_hook(_through_adapter)
    return len(ends)


def add_prefixes(blocks: Iterable[nn.Module], heads: int, size: int) -> int:
    """Hook a prefix on each self-attention that has a `query` projection; returns how many there are."""
    attentions: list[Any] = [
        part for block in blocks for part in block.modules() if isinstance(getattr(part, "query", None), nn.Linear)
    ]
    for attention in attentions:
        attention.add_module("prefix", Prefix(attention.query.out_features, heads, size))
        attention.register_forward_hook(_prefixed, with_kwargs=True)
    return len(attentions)


def add_prompt(encoder: Any, size: int) -> None:
    """Set a prompt before each row that an encoder reads, and take its places off what comes out."""
    prompt = Prompt(encoder.get_input_embeddings().weight, size)
    encoder.add_module("prompt", prompt)
    encoder.register_forward_pre_hook(_longer, with_kwargs=True)
    encoder.register_forward_hook(_shorter)


# Hooks are functions of the module, not closures: so a model with them can be handed to other processes.


def _through_adapter(end: nn.Module, _given: tuple[Any, ...], found: torch.Tensor) -> torch.Tensor:
    return end.get_submodule("adapter")(found)


def _longer(encoder: Any, given: tuple[Any, ...], inputs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return given, encoder.get_submodule("prompt").before(encoder, inputs)


def _shorter(encoder: Any, _given: tuple[Any, ...], found: Any) -> Any:
    found.last_hidden_state = found.last_hidden_state[:, len(encoder.get_submodule("prompt").words) :]
    return found


def _prefixed(
    attention: nn.Module, given: tuple[Any, ...], inputs: dict[str, Any], found: tuple[Any, ...]
) -> tuple[Any, ...]:
    hidden = given[0] if given else inputs["hidden_states"]
    added = attention.get_submodule("prefix")(attention.get_submodule("query")(hidden))
    return (found[0] + added, *found[1:])
