"""The labelled texts: spans are exact, check digits are right where they must be, the sets share nothing."""

import ipaddress
import re
import unicodedata
from collections import Counter
from datetime import datetime
from functools import cache
from itertools import combinations, product

import phonenumbers
import pytest

from benchmarks.pii_lists import HALVES, LANGUAGES, LATER, Half, Language, templates, words
from benchmarks.pii_texts import KINDS, Labelled, generate, shown

COUNT = 5000
EACH, PERSONAL, DECOYS, REPEATED = 300, 0.6, 0.5, 0.01
TEMPLATES: dict[Half, int] = {"visible": 120, "held-out": 120} | dict.fromkeys(LATER, 140)
PEOPLE: dict[Language, tuple[int, int]] = {"en": (75, 100), "zh": (150, 50)}  # given and family names of a half
HARD = {
    "order", "tracking", "sku", "model", "price", "size", "dims", "date", "time", "version", "ean", "cardlike",
    "idlike", "code", "brand", "street_product", "handle", "hashtag", "ratio", "qty", "pack", "url", "percent",
    "isbn", "discount",
}  # fmt: skip
HOMES = {"en": ("US", "GB", "AU", "IE", "IN", "CA"), "zh": ("CN",)}
WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
ACCOUNTS = "DE|GB|FR|NL|ES|IT|BE|AT|CH|PL|IE|SE|DK|PT|NO|FI|SA|AE|LU|CZ|HU|RO|GR|TR"
PLATES = {
    "en": r"[A-Z]{2}\d\d ?[A-Z]{3}|[A-Z]\d{2,3} ?[A-Z]{3}|[A-Z]{3}[- ]?\d{4}|\d[A-Z]{3}\d{3}",
    "zh": r"[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼]"
    r"[A-Z][· ]?([A-Z0-9]{5}|[DF][A-Z0-9]\d{4}|\d{5}[DF])",
}
EVERY = pytest.mark.parametrize(("language", "half"), list(product(LANGUAGES, HALVES)))


@cache
def texts(language: Language, half: Half) -> list[Labelled]:
    return generate(language, COUNT, 1, half)


@cache
def values(language: Language, half: Half) -> dict[str, list[str]]:
    """The labelled values of each kind, full-width digits read as plain ones."""
    found: dict[str, list[str]] = {kind: [] for kind in KINDS}
    for each in texts(language, half):
        for span in each.spans:
            found[span.kind].append(unicodedata.normalize("NFKC", each.text[span.start : span.end]))
    return found


def passes_luhn(number: str) -> bool:
    total = 0
    for place, digit in enumerate(number[::-1]):
        value = int(digit) * (2 if place % 2 else 1)
        total += value // 10 + value % 10
    return total % 10 == 0


def passes_mod97(code: str) -> bool:
    whole = code.replace(" ", "")
    return int("".join(str("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ".index(c)) for c in whole[4:] + whole[:4])) % 97 == 1


def passes_mod11(number: str) -> bool:
    total = sum(int(digit) * weight for digit, weight in zip(number, WEIGHTS, strict=False))
    return (total + (10 if number[17] in "xX" else int(number[17]))) % 11 == 1


def is_telephone(text: str, language: str) -> bool:
    bare = re.sub(r"( ext\. |转)\d+$", "", text, flags=re.IGNORECASE)
    for home in HOMES[language]:
        try:
            if phonenumbers.is_valid_number(phonenumbers.parse(bare, home)):
                return True
        except phonenumbers.NumberParseException:
            continue
    return False


@EVERY
def test_spans_are_apart_and_hold_a_value_without_what_surrounds_it(language: Language, half: Half) -> None:
    for each in texts(language, half):
        assert each.text == each.text.strip(), shown(each)
        ends = [0, *(span.end for span in each.spans)]
        for before, span in zip(ends, each.spans, strict=False):
            assert before <= span.start < span.end <= len(each.text)
            value = each.text[span.start : span.end]
            assert value == value.strip()
            assert re.match(r"[\w+(#]", value), shown(each)
            assert re.search(r"[\w./]$", value), shown(each)
            assert span.kind in KINDS


@EVERY
def test_shares_are_as_stated(language: Language, half: Half) -> None:
    made = texts(language, half)
    assert sum(bool(each.spans) for each in made) == PERSONAL * COUNT
    spans = Counter(span.kind for each in made for span in each.spans)
    assert min(spans[kind] for kind in KINDS) >= EACH, spans
    decoys = sum(bool(HARD & set(re.findall(r"\{([a-z_]+)\}", each.template))) for each in made)
    assert decoys >= DECOYS * COUNT
    assert len({each.text for each in made}) >= (1 - REPEATED) * COUNT
    assert len({each.template for each in made}) >= TEMPLATES[half]


@EVERY
def test_a_templates_slots_are_its_spans(language: Language, half: Half) -> None:
    for each in texts(language, half):
        assert [span.kind for span in each.spans] == re.findall(r"\{([A-Z]+)", each.template)
        assert "{" not in each.text
        assert "¶" not in each.text


@EVERY
def test_values_with_check_digits_are_right(language: Language, half: Half) -> None:
    found = values(language, half)
    cards = [re.sub("[ -]", "", value) for value in found["CARD"]]
    assert all(number.isdigit() and 15 <= len(number) <= 19 and passes_luhn(number) for number in cards)
    assert all(passes_mod97(value) for value in found["IBAN"])
    assert all(passes_mod11(value) for value in found["ID"])
    prefixes = {code for row in words("zh", half)["region"] for code in row.split("|")[2].split()}
    for value in found["ID"]:
        assert value[:6] in prefixes
        assert 1940 < datetime.strptime(value[6:14], "%Y%m%d").year < 2013


@EVERY
def test_values_without_check_digits_are_of_their_form(language: Language, half: Half) -> None:
    found = values(language, half)
    assert all(ipaddress.ip_address(value).is_global for value in found["IP"])
    assert all(re.search(r"://[^/@]+:[^/@]+@|(token|password|pwd)=\w+", value) for value in found["URL"])
    assert all(re.fullmatch(r"[\w.+-]+@[\w-]+(\.[\w-]+)+", value) for value in found["EMAIL"])
    assert all(re.fullmatch(PLATES[language], value.upper()) for value in found["PLATE"])
    assert [value for value in found["PHONE"] if not is_telephone(value, language)] == []


@EVERY
def test_what_resembles_a_checked_value_fails_the_check(language: Language, half: Half) -> None:
    """Outside of spans nothing is a card, an account, an identity number, an address of the internet or of mail."""
    for each in texts(language, half):
        rest = list(each.text)
        for span in each.spans:
            rest[span.start : span.end] = "\n" * (span.end - span.start)
        left = unicodedata.normalize("NFKC", "".join(rest))
        for number in re.findall(r"(?<![\w.])(?:(?:\d ?){12,18}|(?:\d-?){12,18})\d(?![\w.])", left, re.ASCII):
            assert not passes_luhn(re.sub("[ -]", "", number)), shown(each)
        for number in re.findall(r"(?<![A-Za-z\d])\d{17}[\dXx](?![A-Za-z\d])", left):
            assert not passes_mod11(number), shown(each)
        for code in re.findall(rf"(?<![A-Z\d])(?:{ACCOUNTS})\d\d[A-Z\d]{{10,30}}(?![A-Z\d])", left.upper()):
            assert not passes_mod97(code), shown(each)
        assert not re.search(r"\w@\w+\.[a-z]", left), shown(each)
        assert not re.search(r"(token|password|pwd)=", left), shown(each)


PAIRS = list(combinations(HALVES, 2))
COMMON = ("given_men", "given_women", "family", "mail_domain")
OWN = {"street", "road", "estate", "region", "county", "brand", "street_product", "item", "host", "handle", "rider"}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("pair", PAIRS, ids=" ".join)
def test_sets_share_no_template(language: Language, pair: tuple[Half, Half]) -> None:
    lines = [{line for lines in templates(language, half).values() for line in lines} for half in pair]
    assert not lines[0] & lines[1]
    assert all(len(some) >= TEMPLATES[half] for some, half in zip(lines, pair, strict=True))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("pair", PAIRS, ids=" ".join)
def test_sets_share_no_street_no_brand_and_no_ware(language: Language, pair: tuple[Half, Half]) -> None:
    """Names of persons, mail providers, big towns and colours recur as in life; what is a set's own does not."""
    listed = [{(name, value) for name in OWN & {*words(language, half)} for value in words(language, half)[name]}
              for half in pair]  # fmt: skip
    assert all(listed)
    assert not listed[0] & listed[1]


def test_the_fresh_set_has_districts_and_prefixes_of_its_own() -> None:
    def places(half: Half) -> set[str]:
        rows = [row.split("|")[2:] for row in words("zh", half)["region"]]
        districts = {name for _, cities in rows for city in cities.split(",") for name in city.split()[1:]}
        return districts | {prefix for prefixes, _ in rows for prefix in prefixes.split()}

    assert places("fresh")
    assert not places("fresh") & (places("visible") | places("held-out"))


@EVERY
def test_lists_hold_nothing_twice(language: Language, half: Half) -> None:
    """But names of persons, where a common one may stand more often."""
    for name, listed in words(language, half).items():
        if name not in COMMON:
            assert [value for value, times in Counter(listed).items() if times > 1] == [], name


@EVERY
def test_lists_are_long(language: Language, half: Half) -> None:
    lists, (given, families) = words(language, half), PEOPLE[language]
    assert len(lists["given_men"]) + len(lists["given_women"]) >= given
    assert len(lists["family"]) >= families


@EVERY
def test_the_same_seed_gives_the_same_texts(language: Language, half: Half) -> None:
    assert generate(language, 200, 7, half) == generate(language, 200, 7, half)
    assert generate(language, 200, 7, half) != generate(language, 200, 8, half)


def test_examples_are_shown_with_their_spans() -> None:
    (one, *_) = (each for each in texts("en", "visible") if len(each.spans) == 1)
    (span,) = one.spans
    assert f"⟦{span.kind} {one.text[span.start : span.end]}⟧" in shown(one)
    assert re.sub(r"⟦[A-Z]+ |⟧", "", shown(one)) == one.text
