"""The classifier of pairs: what of BERT it reads, and which of BERT's layers it trains."""

import torch
from transformers import BertConfig, BertForSequenceClassification
from transformers.modeling_outputs import SequenceClassifierOutput


class PairClassifier(BertForSequenceClassification):
    """One logit w·h + b of a pair; h is the mean over the candidate's tokens, which have seen the context.

    Why not the pooler's [CLS], as in the parent class: MiniLM was trained to be read by the mean of its tokens, and
    its [CLS] says next to nothing until a long training has taught it to. In the minute or two that a CPU has, the
    mean over the candidate ranks valid pairs clearly better.

    The pooler is kept, frozen and unused, so that the weights have the parent's names. The parent class reads them too,
    but through the pooler: load a saved one with `load_classifier`.
    """

    def __init__(self, config: BertConfig) -> None:
        super().__init__(config)
        for name, parameter in self.bert.named_parameters():
            parameter.requires_grad = not name.startswith("pooler.")

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, token_type_ids: torch.Tensor
    ) -> SequenceClassifierOutput:
        """Logits (pairs × 1, float32) of rows × length inputs; `token_type_ids` is 1 on the candidate and its [SEP]."""
        hidden = self.bert(
            input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids
        ).last_hidden_state.float()
        candidate = (token_type_ids * attention_mask).unsqueeze(-1)
        h = (hidden * candidate).sum(1) / candidate.sum(1)
        with torch.autocast(h.device.type, enabled=False):  # in bf16 a logit has 8 bits, and many pairs would tie
            return SequenceClassifierOutput(logits=self.classifier(self.dropout(h)))

    def freeze(self, layers: int) -> None:
        """Keep the weights of the embeddings and of the `layers` lower layers; 0 trains everything.

        Raises ValueError unless a layer is left to train.
        """
        every = len(self.bert.encoder.layer)
        if not 0 <= layers < every:
            raise ValueError(f"frozen_layers is {layers}, but the model has {every} layers: choose 0 to {every - 1}.")
        if layers:
            for part in (self.bert.embeddings, *self.bert.encoder.layer[:layers]):
                part.requires_grad_(False)
