"""Personal data in free text, English and Chinese: found, and replaced by placeholders."""

from workbench.governance.privacy.pii.redaction import RECOGNISERS, PiiError, Redacted, find, redact, suspects
from workbench.governance.privacy.pii.spans import Pattern, Recogniser, Span

__all__ = ["RECOGNISERS", "Pattern", "PiiError", "Recogniser", "Redacted", "Span", "find", "redact", "suspects"]
