"""Given and family names in Latin letters, of many countries: evidence that a word is part of a person's name.

Lists of this package and those of Faker's locales. No list has all family names; more are known by how they end.
"""

import pkgutil
import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module

from workbench.governance.privacy.pii.words import words

NAME = re.compile(r"[^\W\d_]{2,}(?:['’\-][^\W\d_]+)*")
PREFIX = re.compile(r"(?:o['’]|d['’]|al-|el-|mac(?=[a-z]{4})|mc)(?=[^\W\d_]{3})")
FAMILY_END = re.compile(
    r".{2,}(?:son|sson|sen|ton|ham|ley|ford|forth|worth|wood|shire|land|field|bourne|burn|bury|berry|brook|bridge|well|"
    r"cliffe?|stone|thwaite|waite|bottom|side|by|gate|house|way|man|mann|berg|burg|stein|thal|bach|baum|hoff?|meyer|"
    r"ski|ska|sky|cki|czyk|wicz|[aeiou]vi[cć]|i[cć]|ov|ova|ev|eva|enko|chuk|yan|ian|iani|etti|elli|ini|ucci|ello|ano|"
    r"ez|es|eira|eiro|inho|escu|opoulos|idis|akis|oglu|zadeh|poor|wala|kar|jee|dar|rao|nathan|murthy|swamy|raj|moto|"
    r"mura|yama|gawa|kawa|zawa|shita|hashi|zaki|guchi|naka|saki|mori|oka|wu|chukwu|eze|ola|ade|yemi|kunle|ström|lund|"
    r"qvist|quist|gren|dal|gaard|strand|holm|vall|nen|inen|ics|s[iy]n?ki)"
)
NO_PERSON = frozenset[str]().union(
    *map(words, ("common", "not_names", "wares", "towns", "street_ends", "organisations"))
)
"""Words that are seldom a person's name."""
OLD = "en"  # a list of what was ever registered as a name, Golden and Price among it


@cache
def given_names() -> frozenset[str]:
    """Known given names, written small; of those that are another word too, the ones of this package alone."""
    return words("given_names") | (frozenset(_listed("first_")) - NO_PERSON)


@cache
def family_names() -> frozenset[str]:
    """Known family names, written small; see `given_names`."""
    return words("surnames") | (frozenset(_listed("last_")) - NO_PERSON)


@cache
def is_family(word: str) -> bool:
    """Whether a word, written small, is a known family name, is made as they are, or joins such as a hyphen does."""
    known = family_names()
    if word in known or (word not in given_names() and FAMILY_END.fullmatch(word)):
        return True
    rest = PREFIX.sub("", word, count=1)
    parts = rest.split("-")
    return (rest != word and len(rest) > 2) or (len(parts) > 1 and all(is_family(part) for part in parts if part))


def _listed(attribute: str) -> Iterator[str]:
    """The single words, written small, of the lists that Faker's locales have under names that begin like this."""
    from faker.providers import person  # here, because most that import this module never ask for names

    for module in pkgutil.iter_modules(person.__path__):
        if module.name == OLD:
            continue
        provider = import_module(f"{person.__name__}.{module.name}").Provider
        for name in dir(provider):
            if name.startswith(attribute):
                listed = getattr(provider, name)
                if isinstance(listed, (tuple, list, dict)):
                    yield from (each.lower() for each in listed if isinstance(each, str) and NAME.fullmatch(each))
