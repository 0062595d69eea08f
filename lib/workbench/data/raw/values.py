"""Text into numbers, times, lists and ids, as Ibis expressions; what does not parse becomes null."""

import ast
import json
import re
from collections.abc import Mapping, Sequence

import ibis
from ibis import udf
from ibis.expr.types import ArrayValue, BooleanValue, FloatingValue, IntegerValue, StringValue, TimestampValue, Value

from workbench.data import contract

YES, NO = ("true", "1", "1.0", "yes", "y", "t"), ("false", "0", "0.0", "no", "n", "f")
FLOAT_ID = r"^(-?[0-9]+)\.0+$"
EPOCHS = {"seconds": 1, "milliseconds": 1000}  # ticks in a second
WITH_ZONE = r":[0-9]{2}(\.[0-9]+)? ?(Z|z|[+-][0-9]{2}(:?[0-9]{2})?)$"


@udf.scalar.builtin(name="try_strptime")
def _strptime(text: str, form: str) -> ibis.dtype("timestamp"):  # type: ignore[valid-type]
    """DuckDB's; null where the text has another form."""


@udf.scalar.builtin(name="try_strptime")
def _strptime_zoned(text: str, form: str) -> ibis.dtype(contract.UTC):  # type: ignore[valid-type]
    """The same where the form has an offset."""


@udf.scalar.builtin(name="timezone")
def _in_zone(zone: str, local: ibis.dtype("timestamp")) -> ibis.dtype(contract.UTC):  # type: ignore[valid-type]
    """The moment at which clocks of the zone show the local time."""


@udf.scalar.builtin(name="make_timestamp")
def _from_microseconds(count: ibis.dtype("int64")) -> ibis.dtype("timestamp"):  # type: ignore[valid-type]
    """Microseconds since 1970, as a time of UTC."""


@udf.scalar.builtin(name="json_valid")
def _json_valid(text: str) -> bool:  # type: ignore[empty-body]
    """Whether a text is JSON."""


@udf.scalar.builtin(name="json_type")
def _json_type(text: str) -> str:  # type: ignore[empty-body]
    """The kind of a JSON value."""


@udf.scalar.builtin(name="from_json")
def _from_json(text: str, structure: str) -> ibis.dtype("array<string>"):  # type: ignore[valid-type]
    """A JSON value in the structure."""


@udf.scalar.python
def _literal(text: str) -> str:
    """A Python list as JSON; "" where the text is none."""
    try:
        found = ast.literal_eval(text)
        return json.dumps([None if item is None else str(item) for item in found]) if _is_list(found) else ""
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return ""


def _is_list(found: object) -> bool:
    return isinstance(found, list | tuple)


def present(text: StringValue, missing: Sequence[str] = ()) -> StringValue:
    """The text, null where it is empty or one of those that mean nothing."""
    return ibis.ifelse(text.isin(["", *missing]), ibis.null("string"), text)


def identifier(text: StringValue) -> StringValue:
    """An id as text, whole numbers without the ".0" that a column of decimal numbers gives them."""
    return text.re_replace(FLOAT_ID, r"\1")


def plain(decimal: str = ".") -> str:
    """The pattern of a number without groups of digits."""
    point = re.escape(decimal)
    return rf"^[+-]?([0-9]+{point}?[0-9]*|{point}[0-9]+)([eE][+-]?[0-9]+)?$"


def grouped(decimal: str = ".", thousands: str = "") -> tuple[str, str]:
    """The pattern of a number in groups of three digits, of which the first is not 0, and of what divides them.

    Beside `thousands` (the other one of "." and "," where it is not given) spaces and apostrophes divide them.
    """
    sign = thousands or ("," if decimal == "." else ".")
    divider = rf"[{re.escape(sign)} \x{{00A0}}\x{{202F}}'’]"
    return rf"^[+-]?[1-9][0-9]{{0,2}}({divider}[0-9]{{3}})+({re.escape(decimal)}[0-9]+)?$", divider


def is_number(text: StringValue, decimal: str) -> BooleanValue:
    """Whether a text is a number where `decimal` is the sign before the fraction."""
    return text.re_search(plain(decimal)) | text.re_search(grouped(decimal)[0])


def number(text: StringValue, decimal: str = ".", thousands: str = "") -> FloatingValue:
    """A number, plain or in groups of three digits; null for any other text.

    Args:
        text: the number.
        decimal: the sign before the fraction.
        thousands: the sign between groups, as `grouped` takes it.

    """
    text = text.strip()
    pattern, divider = grouped(decimal, thousands)
    cases = [
        (text.re_search(plain(decimal)), text.replace(decimal, ".")),
        (text.re_search(pattern), text.re_replace(divider, "").replace(decimal, ".")),
    ]
    value = ibis.cases(*cases, else_=ibis.null("string")).try_cast("float64")
    return ibis.ifelse(value.abs() < ibis.literal(float("inf")), value, ibis.null("float64"))


def scaled(value: FloatingValue, scale: float) -> FloatingValue:
    """The value times the scale; a scale such as 0.01 divides by 100, which rounds as the decimal number would."""
    if scale == 1:
        return value
    inverse = round(1 / scale) if 0 < abs(scale) < 1 else 0
    return value / inverse if inverse and abs(inverse * scale - 1) < 1e-12 else value * scale


def whole(value: FloatingValue) -> IntegerValue:
    """A whole number; null where the value has a fraction or 64 bits do not hold it."""
    rounded = value.try_cast("int64")
    return ibis.ifelse(rounded.cast("float64") == value, rounded, ibis.null("int64"))


def time(text: StringValue, forms: Sequence[str] = (), zone: str = "UTC") -> TimestampValue:
    """A moment in UTC.

    Args:
        text: the time.
        forms: strptime formats, "seconds" or "milliseconds" since 1970, or "iso", tried in turn; ISO 8601 if none.
        zone: whose clocks show the time where the text gives no offset from UTC.

    """
    text = text.strip()
    found = [_epoch(text, EPOCHS[form]) if form in EPOCHS else _local(text, form, zone) for form in forms or ("iso",)]
    return ibis.coalesce(*found)


def _epoch(text: StringValue, ticks: int) -> TimestampValue:
    micros = text.try_cast("float64") * (1_000_000 // ticks)
    sane = micros.between(-6.2e16, 2.5e17)  # the years 5 to 9892
    micros = ibis.ifelse(sane, micros.round(), ibis.null("float64"))
    return _in_zone("UTC", _from_microseconds(micros.try_cast("int64")))


def _local(text: StringValue, form: str, zone: str) -> TimestampValue:
    if form != "iso":
        return _strptime_zoned(text, form) if "%z" in form else _in_zone(zone, _strptime(text, form))
    stated = text.re_search(WITH_ZONE)
    moment = text.try_cast("timestamp")  # an offset in the text is applied
    return ibis.ifelse(stated, _in_zone("UTC", moment), _in_zone(zone, moment))


def flag(text: StringValue) -> BooleanValue:
    """True or false, by the usual words."""
    low = text.strip().lower()
    return ibis.cases((low.isin(YES), True), (low.isin(NO), False), else_=ibis.null("boolean"))


def items(text: StringValue, separator: str = "") -> ArrayValue:
    """A list of texts: JSON or a Python list, or what lies between separators if one is given."""
    if separator:
        parts = text.strip().split(separator).map(lambda part: part.strip())
        return parts.filter(lambda part: part != "")
    is_json = _json_valid(text)
    as_json = ibis.ifelse(is_json, text, _literal(ibis.ifelse(is_json, ibis.null("string"), text)))
    good = _json_valid(as_json) & (_json_type(ibis.ifelse(_json_valid(as_json), as_json, "null")) == "ARRAY")
    return _from_json(ibis.ifelse(good, as_json, ibis.null("string")), '["VARCHAR"]')


def joined(literals: Sequence[str], values: Sequence[StringValue]) -> StringValue:
    """One text of values with literals before, between and after them; a null value takes the literal before it along.

    Null where all values are.
    """
    result = values[0]
    for literal, value in zip(literals[1:-1], values[1:], strict=True):
        both = ibis.ifelse(result.isnull(), value, result + literal + value)
        result = ibis.ifelse(value.isnull(), result, both)
    return ibis.literal(literals[0]) + result + literals[-1]


def translated(text: StringValue, names: Mapping[str, str]) -> StringValue:
    """Our names for theirs; a name without a translation stays as it is."""
    return text.substitute({str(theirs): str(ours) for theirs, ours in names.items()}, else_=text) if names else text


def parsed(
    text: StringValue,
    kind: str,
    forms: Sequence[str] = (),
    zone: str = "UTC",
    decimal: str = ".",
    thousands: str = "",
    scale: float = 1,
) -> Value:
    """Text in a type of the contract that is no list, as `time`, `flag`, `number`, `scaled` and `whole` read it."""
    if kind == contract.UTC:
        return time(text, forms, zone)
    if kind == "boolean":
        return flag(text)
    if kind in ("float64", "int64"):
        value = scaled(number(text, decimal, thousands), scale)
        return whole(value) if kind == "int64" else value
    return text
