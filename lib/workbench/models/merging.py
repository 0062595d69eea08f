"""Models whose method is merged into the base model, once it is sure that they score the same."""

from workbench.models import methods
from workbench.models.batching import TextRows
from workbench.models.classifier import TextClassifier
from workbench.models.device import Device
from workbench.models.methods import MethodError
from workbench.models.scoring import merged_apart

SAME = 1e-5  # of a logit, in float32: more is not rounding


def merged(model: TextClassifier, texts: TextRows, device: Device) -> TextClassifier:
    """The model, no larger and no slower than its base: what its method added is merged, in place, where it can be.

    Raises:
        MethodError: merged, it would score `texts` otherwise.

    """
    method = getattr(model.config, "method", None)
    if method and methods.METHODS[method["name"]].merges:
        check_merged(model, texts, device)
        methods.merge(model)
    return model


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
