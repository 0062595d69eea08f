"""Whether a model scores the same once its method is merged into the base model."""

from workbench.models.batching import TextRows
from workbench.models.classifier import TextClassifier
from workbench.models.device import Device
from workbench.models.methods import MethodError
from workbench.models.scoring import merged_apart

SAME = 1e-5  # of a logit, in float32: more is not rounding


def check_merged(model: TextClassifier, texts: TextRows, device: Device) -> float:
    """How far the scores of `texts` are from those after merging, which is `SAME` at most.

    Raises:
        MethodError: they are further apart, or the method does not merge.

    """
    if not (apart := merged_apart(model, texts, device)) <= SAME:
        raise MethodError(
            f"Merged into the base model, the weights score otherwise, by up to {apart:.2g} of a logit, where "
            f"{SAME:g} is rounding: they are not those that were trained. Do not use this model; check the "
            "versions of peft and, after a private training, of opacus."
        )
    return apart
