"""Regular expressions as DuckDB reads them (RE2), written so that Spark (Java) finds the same.

Java differs: `$` also matches before a last line break; `\\b`, `(?i)` and `\\s` mean other characters; a bracket inside
a class opens a class; and a replacement names its groups by `$1`. Sources: RE2's page on its syntax, and the
documentation of java.util.regex.Pattern.
"""

import re

WORD = "0-9A-Za-z_"
BORDER = f"(?:(?<=[{WORD}])(?![{WORD}])|(?<![{WORD}])(?=[{WORD}]))"
INNER = {"s": r"\t\n\f\r ", "d": "0-9", "w": WORD}
"""Classes of RE2, which knows ASCII alone here, as the inside of a class."""
OTHER = r"\p{Cc}\p{Cf}\p{Co}\p{Cs}"  # RE2's \p{C}, which leaves out what Unicode has not assigned


def java(pattern: str) -> str:
    """The pattern for Java.

    Raises:
        ValueError: the pattern holds what has no equal in Java.

    """
    parts, place, depth = ["(?d)"], 0, 0  # unix lines: only \n is a line break, for `.` as well
    while place < len(pattern):
        token = _token(pattern, place)
        place += len(token)
        if token == "[" and not depth:
            depth = 1
            negated = pattern.startswith("^", place)
            parts.append("[^" if negated else "[")
            place += negated
            if pattern.startswith("]", place):  # first in a class it is a plain character
                parts.append(r"\]")
                place += 1
        elif depth:
            depth = 0 if token == "]" else 1
            parts.append(_inside(token))
        else:
            parts.append(_outside(token))
    return "".join(parts)


def replacement(text: str) -> str:
    """What is put in place of a match: groups of RE2 as groups of Java."""
    plain = text.replace("$", r"\$")
    return re.sub(r"\\([0-9])", r"$\1", plain)


def _token(pattern: str, place: int) -> str:
    """The next character, escape, or beginning of a group."""
    found = re.compile(r"\\[pP]\{[^}]*\}|\\x\{[^}]*\}|\\.|\[:\^?[a-z]+:\]|\(\?[a-zA-Z]+[:)]|\(\?P<|.", re.S).match(
        pattern, place
    )
    assert found is not None
    return found.group()


def _inside(token: str) -> str:
    if token.startswith("[:"):
        raise ValueError(f"the class {token} of a regular expression is not known to Spark: write its characters")
    if token in (r"\S", r"\D", r"\W"):
        return f"[^{INNER[token[1].lower()]}]"
    if token[0] == "\\" and token[1:] in INNER:
        return INNER[token[1:]]
    return rf"\{token}" if token in ("[", "&", "^") else _property(token)


def _outside(token: str) -> str:
    if token[0] == "\\" and token[1:].lower() in INNER:
        return f"[{'^' if token[1].isupper() else ''}{INNER[token[1].lower()]}]"
    if token.startswith("(?") and token[-1] in ":)" and "i" in token:
        return token.replace("i", "iu")  # letters beyond ASCII have two cases as well
    return {"$": r"\z", r"\b": BORDER, r"\z": r"\z", "(?P<": "(?<"}.get(token) or _property(token)


def _property(token: str) -> str:
    if token == r"\p{C}":
        return OTHER
    if token.startswith((r"\p{", r"\P{")) and len(token) > 6:  # a script, as Han
        return token[:3] + "Is" + token[3:]
    return token
