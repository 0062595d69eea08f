"""Microsoft Presidio as one more recogniser, where the user has installed it with a spaCy model.

Presidio's own name for a kind becomes this package's where the two mean the same; kinds that this package does not have
are left out. Source: https://microsoft.github.io/presidio.
"""

from collections.abc import Iterator
from importlib import import_module
from typing import Any

from workbench.governance.privacy.pii.spans import Span

KINDS = {
    "EMAIL_ADDRESS": "EMAIL", "PHONE_NUMBER": "PHONE", "CREDIT_CARD": "CARD", "IBAN_CODE": "IBAN", "IP_ADDRESS": "IP",
    "PERSON": "NAME",
}  # fmt: skip
"""This package's kinds by Presidio's. Its LOCATION is any place name, which is no address."""


class PresidioError(ValueError):
    """Presidio or the model is not installed."""


class Presidio:
    """What Presidio finds with a spaCy model.

    Args:
        model: name of an installed spaCy model, such as "en_core_web_lg"; empty for a blank one, which knows no names
            and leaves Presidio its patterns.
        language: of the model and of the texts, "en" or "zh".
        score: the least that Presidio must give a find, 0 to 1.

    Raises:
        PresidioError: it is not installed, or the model is not.

    """

    kind = "any of " + ", ".join(KINDS.values())
    hint = r"\S"

    def __init__(self, model: str = "", language: str = "en", score: float = 0.4):
        self.languages: tuple[str, ...] = (language,)
        self.language, self.score = language, score
        self.analyser = _analyser(model, language)

    def find(self, text: str) -> Iterator[Span]:
        """See `Recogniser`."""
        for found in self.analyser.analyze(
            text=text, language=self.language, entities=list(KINDS), score_threshold=self.score
        ):
            yield Span(found.start, found.end, KINDS[found.entity_type])


def _analyser(model: str, language: str) -> Any:
    """Presidio's engine with the model."""
    try:
        presidio, engines, spacy = map(import_module, ("presidio_analyzer", "presidio_analyzer.nlp_engine", "spacy"))
    except ModuleNotFoundError as error:
        raise PresidioError(
            f"{error.name} is not installed: install presidio-analyzer and a spaCy model, or leave this recogniser out"
        ) from error
    try:
        loaded = spacy.load(model) if model else spacy.blank(language)
    except OSError as error:
        raise PresidioError(f"spaCy has no model '{model}': run `python -m spacy download {model}`") from error
    engine = engines.SpacyNlpEngine()
    engine.nlp = {language: loaded}
    return presidio.AnalyzerEngine(nlp_engine=engine, supported_languages=[language])
