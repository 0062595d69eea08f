"""Rules that hold for any column of text or of ids: one factory each, so that all tables are judged alike."""

from collections.abc import Callable
from functools import reduce
from operator import or_

import ibis
from ibis.expr.types import BooleanValue, StringValue, Table, Value

from workbench.governance.quality import Rule, Tables
from workbench.governance.signals import characters

PUNCTUATION = r"[\s\p{P}\p{S}\x{3000}]*"
PLACEHOLDER = (
    rf"(?i)^{PUNCTUATION}(?:n/?a|#n/?a|null|none|(?-i:nan|NaN)|undefined|unknown|tbd|tba|tbc|fixme|"
    r"placeholder|asdf\w*|qwert\w*|foo ?bar|untitled|coming soon|"
    r"test(?:ing)?[ _-]?(?:\d+|product|item|title|data|user|brand|description|article|do not (?:buy|use|publish))?|"
    r"(?:sample|dummy|example|new|product|item|brand|your) (?:title|text|description|product|item|name|brand|here)|"
    r"no (?:title|text|description|name|brand|category|value|data|info)|(?:not|none) "
    r"(?:available|applicable|specified|provided|set|given|defined|found)|(?:enter|insert|add|type) .{0,40} here|"
    r"#ref|#value|#name|#div/0|\[?object object|(?:product|item)[ _](?:name|title|description)|"
    r"lorem ipsum.*|"
    r"待定|待补充|待完善|无|暂无.{0,4}|测试.{0,6}|未知|未填写|未定义|没有|占位.{0,4}|示例.{0,4}|默认.{0,4}|"
    rf"商品(?:名称|标题|描述)|请输入.{{0,10}}|不详|其它信息|null值){PUNCTUATION}$|"
    rf"(?i)lorem ipsum|占位文字|^[\p{{P}}\p{{Sm}}\p{{Sc}}\s]+$"
)
"""Words that stand where a value should, alone; and filler text wherever it stands. An emoji is an opinion."""
LOOSE = r"^(?:TODO|todo|TO DO|to do|nil|xxx+|XXX+|dummy|sample|missing|empty|default|string|空)$"
"""Words of programs, which a catalogue may use in earnest; as programs write them, and never of what people type."""
TEMPLATE = (
    r"\{\{.*?\}\}|\$\{[^}]*\}|%\([a-z_]+\)s|\{[A-Za-z_.]*\d*\}|<%|\{%|(?:^|[^\d%])%{1,2}[A-Z][A-Z_]{2,}%|@@[\w.]+@@|"
    r"(?:^|\W)__[A-Z][A-Z_]+__|\[\[[\w .]*\]\]|\[object Object\]|^%[sd]$"
)
ADDRESS = r"(?i)https?://|www\.[a-z0-9-]+\.|\b[a-z0-9-]{3,}\.(?:com|net|org|cn|ru|info|biz|shop|top)\b"
CONTACT = (
    r"(?i)[\w.+-]+@[\w-]+\.[a-z]{2,}|\b(?:whatsapp|telegram)\b|加微信|微信号|加[QqvV][QqxX]?[:：]?\s*\w{5}|"
    r"\+\d{1,3}[ -]\d{2,4}[ -]\d{3,4}[ -]?\d{3,4}\b|\(\d{3,4}\) ?\d{3,4}[ -]\d{4}\b|"
    r"\b\d{3}-\d{3,4}-\d{4}\b|\b1[3-9]\d{9}\b"
)
CODE = (
    r"(?i)javascript:|\bselect\b.+\bfrom\b|\bunion\b.+\bselect\b|\bdrop table\b|"
    r"'\s*or\s*'?1'?\s*=|--\s*$|\bonerror\s*=|\balert\("
)
PARAMETERS = r"(?i)^\??(?:q|query|search|keywords?|kw|wd|text|term|s)=\S|^\S*&[a-z_]{2,}=[^&\s]*(?:$|&)"
PLUSES = r"^[^\s+]*\p{L}\+\p{L}[^\s+]*(?:\+[^\s+]+)*$"
"""A query as it stands in an address: with its other parameters, or with plus signs for the spaces."""
HAMMERED = "|".join(rf"{letter}{{5,}}" for letter in "abcdefghijklmnopqrstuvwxyz") + r"|!{6,}|！{6,}|哈{12,}|啊{12,}"
"""One key held down; five equal letters occur in no word, laughter is allowed more."""
FLOAT_FORM = r"^-?\d+\.0+$"
EXPONENT_FORM = r"^(\d)(?:\.(\d+)[eE]\+?|[eE]\+)(\d{1,3})$"
"""As spreadsheets and programs write it, with a point or a plus: 4e10 may be an article's number."""
NO_ID = (
    r"(?i)^(?:null|none|nan|n/?a|undefined|unknown|-1|test\d*|test[_-]?user|"
    r"anonymous|guest|nil|#n/?a|[0-]{4,}|待定|未知|)$"
)
Guard = Callable[[Table], BooleanValue] | None


def text_rules(table: str, column: str, label: str, required: bool, guard: str = "", typed: bool = False) -> list[Rule]:
    """What goes wrong with the characters of any text, each mended where the right value is known.

    Args:
        table: name of the table.
        column: the text column.
        label: what the column is called in the rules' names.
        required: whether a row is of no use without the text; else a placeholder becomes a missing value.
        guard: a boolean column of the table as rules see it that says whether looking closer is worth it: for a
            column that repeats few texts in many rows.
        typed: whether people write it themselves, to whom any word is a word.

    """

    def rule(
        name: str,
        bad: Callable[[StringValue], BooleanValue],
        fix: Callable[[StringValue], Value] | None = None,
        dimension: str = "consistency",
        action: str = "",
        severity: str = "medium",
    ) -> Rule:
        def failing(t: Table, _: Tables) -> BooleanValue:
            return guarded(t, guard, bad(t[column]))

        return Rule(
            f"{label}: {name}", dimension, table, failing,  # type: ignore[arg-type]
            action=action or ("repair" if fix else "warn"), severity=severity,  # type: ignore[arg-type]
            repair=(lambda t, _: {column: fix(t[column])}) if fix else None,
            columns=(column,), needs=(f"{table}.{column}",),
        )  # fmt: skip

    empty = ibis.null("string")
    broken = rule("characters lost to an encoding", characters.undecodable, dimension="accuracy", severity="high")
    no_value = {"action": "quarantine", "dimension": "completeness", "severity": "high"} if required else {
        "fix": lambda text: empty, "dimension": "completeness"}  # fmt: skip
    return [
        rule("read in a wrong encoding", characters.mojibake, characters.decoded_again, "accuracy", severity="high"),
        rule("HTML in it", characters.markup, characters.plain),
        rule("escape codes in it", characters.escaped, characters.unescaped),
        rule("control or invisible characters", characters.invisible, characters.visible, severity="low"),
        rule("full-width letters, digits or signs", characters.wide, characters.narrow, severity="low"),
        rule("not in Unicode form NFC", characters.decomposed, characters.composed, severity="low"),
        rule("stray white space", characters.untidy, characters.tidy, severity="low"),
        broken,
        rule("a placeholder, no value", lambda text: placeholder(text, typed), **no_value),
        rule("a template that nobody filled", lambda text: text.re_search(TEMPLATE), dimension="usability"),
        rule("one key held down", lambda text: text.lower().re_search(HAMMERED), dimension="usability", severity="low"),
    ]


def placeholder(text: StringValue, typed: bool = False) -> BooleanValue:
    """Whether a text only stands in for a missing one, or is empty; `typed` is what people write themselves."""
    stands_in = (text.strip() == "") | text.re_search(PLACEHOLDER)
    return stands_in if typed else stands_in | text.strip().re_search(LOOSE)


def odd(text: StringValue) -> BooleanValue:
    """Whether any rule for text might have something to say: one look for the texts of many rows."""
    looks = [
        characters.mojibake(text), characters.markup(text), characters.escaped(text), characters.invisible(text),
        characters.wide(text), characters.decomposed(text), characters.untidy(text), characters.undecodable(text),
        placeholder(text), text.re_search(TEMPLATE), text.lower().re_search(HAMMERED), text.re_search(ADDRESS),
        text.re_search(CODE), text.re_search(CONTACT), text.re_search(PARAMETERS), text.re_search(PLUSES),
        text.length() > 50,
    ]  # fmt: skip
    return reduce(or_, [look.fill_null(False) for look in looks])


def id_rules(table: str, column: str, required: bool, guard: str = "") -> list[Rule]:
    """What goes wrong with ids on their way through spreadsheets and joins; `guard` is as in `text_rules`."""
    needs = (f"{table}.{column}",)
    label = f"{table}.{column}"

    def looked(bad: Callable[[StringValue], BooleanValue]) -> Callable[[Table, Tables], BooleanValue]:
        return lambda t, _: guarded(t, guard, bad(t[column]))

    rules = [
        Rule(f"{label}: white space or invisible characters", "consistency", table,
             looked(lambda ids: ids.re_search(rf"^{characters.SPACE}|{characters.SPACE}$|{characters.INVISIBLE}")),
             action="repair", severity="high", columns=(column,), needs=needs,
             repair=lambda t, _: {column: characters.tidy(characters.visible(t[column]))}),
        Rule(f"{label}: a whole number written as a float", "consistency", table,
             looked(lambda ids: ids.re_search(FLOAT_FORM) | _exact(ids)), action="repair", severity="high",
             columns=(column,), needs=needs, repair=lambda t, _: {column: whole(t[column])}),
        Rule(f"{label}: digits that a spreadsheet cut off", "accuracy", table,
             looked(lambda ids: ids.re_search(EXPONENT_FORM) & ~_exact(ids)), severity="high", columns=(column,),
             needs=needs, action="quarantine" if required else "warn"),
        Rule(f"{label}: a word for no id", "completeness", table,
             looked(lambda ids: ids.strip().re_search(NO_ID)), severity="high", columns=(column,), needs=needs,
             action="quarantine" if required else "repair",
             repair=None if required else lambda t, _: {column: ibis.null("string")}),
    ]  # fmt: skip
    if required:
        missing = Rule(f"{label}: missing", "completeness", table, lambda t, _: t[column].isnull(),
                       action="quarantine", severity="high", columns=(column,), needs=needs)  # fmt: skip
        rules.append(missing)
    return rules


def guarded(table: Table, guard: str, bad: BooleanValue) -> BooleanValue:
    """A condition that is looked into only where the column `guard` of the table, if there is one, says so."""
    return table[guard].fill_null(False).ifelse(bad, False) if guard else bad


def whole(text: StringValue) -> StringValue:
    """'123.0' as '123', '1.2345e4' as '12345'; a text that does not say all digits (`_exact`) is not for it."""
    head, decimals, exponent = _parts(text)
    digits = (head + decimals).substr(0, exponent + 1)
    return text.re_search(EXPONENT_FORM).ifelse(digits, text.re_replace(r"\.0+$", ""))


def _exact(text: StringValue) -> BooleanValue:
    """Whether a number with an exponent is whole and says all its digits: '1.2345e4', and not '1.23e12'."""
    _, decimals, exponent = _parts(text)
    told = (exponent <= decimals.length()) & ~decimals.substr(exponent).re_search("[1-9]")
    return text.re_search(EXPONENT_FORM).ifelse(told, False)


def _parts(text: StringValue) -> tuple[StringValue, StringValue, Value]:
    """First digit, decimals and exponent of a number such as 1.23e4; the exponent is 0 where there is none."""
    exponent = text.re_extract(EXPONENT_FORM, 3).try_cast("int64").fill_null(0)
    return text.re_extract(EXPONENT_FORM, 1), text.re_extract(EXPONENT_FORM, 2), exponent
