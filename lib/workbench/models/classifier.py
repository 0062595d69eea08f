"""The classifier of texts and pairs: any encoder, what of it is read, and which of its layers are trained."""

import torch
from torch.nn import functional
from transformers import AutoModel, PreTrainedConfig, PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput

from workbench.models import methods


class TextClassifier(PreTrainedModel):
    """A head W·h + b on an encoder; h is the mean over a text's tokens, or over the candidate's of a pair.

    With `head_scale` s in its config the head tells classes by angles alone: s · cos(w, h) for each row w of W, which
    `prototypes` starts from the classes' means (Chen et al. 2019, A Closer Look at Few-shot Classification).

    Why not [CLS], as transformers' own classifiers: MiniLM was trained to be read by the mean of its tokens, and its
    [CLS] says next to nothing until a long training has taught it to. In the minute or two that a CPU has, the mean
    over the candidate, whose tokens have seen the context, ranks valid pairs clearly better.

    The encoder may be of any family that transformers knows. It lies under the name that its family gives it ("bert",
    "roberta", …), so that `AutoModel` reads the encoder of a saved classifier too. A pooler is kept, frozen and unused.
    What `methods.adapt` added is named in the config, and is there again when the model is loaded.
    """

    _supports_sdpa = _supports_flash_attn = _supports_flex_attn = _supports_attention_backend = True

    def __init__(self, config: PreTrainedConfig) -> None:
        kernel = config._attn_implementation
        super().__init__(config)
        config._attn_implementation = kernel  # which kernel computes attention is for the encoder to say
        encoder = AutoModel.from_config(config)
        self.base_model_prefix = encoder.base_model_prefix
        self.supports_gradient_checkpointing = encoder.supports_gradient_checkpointing
        setattr(self, self.base_model_prefix, encoder)
        self.dropout = torch.nn.Dropout(getattr(config, "hidden_dropout_prob", 0.1))
        self.scale: float | None = getattr(config, "head_scale", None)
        self.graded = bool(getattr(config, "graded", False))  # the logits are those of grades, see `tasks`
        self.classifier = torch.nn.Linear(config.hidden_size, int(config.num_labels or 1), bias=self.scale is None)
        for name, parameter in encoder.named_parameters():
            parameter.requires_grad = not name.startswith("pooler.")
        self.post_init()
        if method := getattr(config, "method", None):
            methods.adapt(self, method["name"], method["options"])

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, token_type_ids: torch.Tensor
    ) -> SequenceClassifierOutput:
        """Logits (rows × labels, float32) of rows × length inputs.

        `token_type_ids` is 1 on a pair's candidate and its [SEP], and 0 everywhere in a single text.
        """
        inputs = {"input_ids": input_ids, "attention_mask": attention_mask}
        if getattr(self.config, "type_vocab_size", 0) > 1:  # RoBERTa and its kin know no types
            inputs["token_type_ids"] = token_type_ids
        hidden = self.base_model(**inputs).last_hidden_state.float()
        single = token_type_ids.amax(1, keepdim=True) == 0
        h = mean_over(hidden, torch.where(single, 1, token_type_ids) * attention_mask)
        with torch.autocast(h.device.type, enabled=False):  # in bf16 a logit has 8 bits, and many pairs would tie
            return SequenceClassifierOutput(logits=self._head(h))

    def _head(self, h: torch.Tensor) -> torch.Tensor:
        if self.scale is None:
            return self.classifier(self.dropout(h))
        return self.scale * functional.linear(
            functional.normalize(h, dim=-1), functional.normalize(self.classifier.weight, dim=-1)
        )


def mean_over(hidden: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    """The mean (rows × hidden) of hidden states (rows × length × hidden) over the places (rows × length) that are 1."""
    return (hidden * places[..., None]).sum(1) / places.sum(1, keepdim=True)
