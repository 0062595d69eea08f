# ruff: noqa: N802, N815  (Ibis calls methods by the names of its operations)
"""Ibis expressions as Spark's SQL, so that they give what DuckDB gives.

Ibis leaves to each engine how it casts, rounds, counts, matches and writes values. Here Spark follows DuckDB: every
method says in what the two differ.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import ibis.expr.datatypes as dt
import ibis.expr.operations as ops
import sqlglot as sg
import sqlglot.expressions as sge
from ibis.backends.sql.compilers.base import NULL, SQLGlotCompiler
from ibis.backends.sql.compilers.pyspark import PySparkCompiler

from workbench.data.spark import regex

TIMES = "yyyy-MM-dd HH:mm:ss[.SSSSSS][.SSSSS][.SSSS][.SSS][.SS][.S]X"
WRITTEN = {"text": (1e-4, 1e16, "e-0$1", "e+"), "json": (1e-6, 1e21, "e-$1", "e")}
"""Between which sizes a number is written without an exponent, and how a small and a large exponent begins."""
SCALES = (24, 20, 1)  # decimals that hold all digits of numbers below 1, below 10**16, and beyond
ZEROS = {r"(\.[0-9]+?)0*$": "$1"}
BLANK = r"[ \t\n\r\x0B\x0C]"  # what `strip` takes off
JSON = "workbench_json"  # a function of the session: the text if it is JSON, else null
JAVA = (1e-3, 1e7)  # between these Java writes none


class Compiler(PySparkCompiler):
    """Ibis' compiler for PySpark with DuckDB's semantics."""

    __slots__ = ()

    SIMPLE_OPS = {ops.BitOr: "bit_or", ops.BitAnd: "bit_and"}  # noqa: RUF012

    # ---- missing values

    visit_Field = SQLGlotCompiler.visit_Field  # without Ibis' option to take a NaN for null

    def visit_IsNull(self, op: ops.IsNull, *, arg: Any) -> Any:
        """A NaN is a number, and no missing value."""
        return arg.is_(NULL)

    def visit_NotNull(self, op: ops.NotNull, *, arg: Any) -> Any:
        """A NaN is a number, and no missing value."""
        return arg.is_(sg.not_(NULL))

    def visit_NonNullLiteral(self, op: ops.Literal, *, value: Any, dtype: dt.DataType) -> Any:
        """A number as it is."""
        return None if dtype.is_floating() else super().visit_NonNullLiteral(op, value=value, dtype=dtype)

    def visit_Not(self, op: ops.Not, *, arg: Any) -> Any:
        """`not in` of a query in other words: for `NOT IN` Spark would compare each row with all that is looked up.

        As in SQL, what is not found may be the null among what is looked up, or be null itself: then nobody knows.
        """
        if not isinstance(op.arg, ops.InSubquery):
            return super().visit_Not(op, arg=arg)
        looked_up = arg.args["query"].this.subquery("looked_up", copy=False)
        column = sg.column(op.arg.rel.schema.names[0], table="looked_up", quoted=self.quoted)
        gaps = sg.select(self.f.anon.bool_or(column.is_(NULL))).from_(looked_up).subquery()  # null where it is empty
        unknown = sg.or_(gaps, sg.and_(arg.this.is_(NULL), gaps.is_(sg.not_(NULL))))
        return self.if_(arg, sge.false(), self.if_(unknown, NULL, sge.true()))

    # ---- counts and quantiles

    def visit_CountStar(self, op: ops.CountStar, *, arg: Any, where: Any) -> Any:
        """Of no rows a count is 0, and not null."""
        return self.f.count(sge.Star()) if where is None else self.f.count_if(where)

    def visit_Median(self, op: ops.Median, *, arg: Any, where: Any) -> Any:
        """The condition is about the values alone."""
        return self.f.anon.percentile(arg if where is None else self.if_(where, arg, NULL), sge.convert(0.5))

    def visit_ArrayCollect(
        self, op: ops.ArrayCollect, *, arg: Any, where: Any, order_by: Sequence[Any], include_null: bool, distinct: bool
    ) -> Any:
        """A list in an order: collected as pairs of key and value, sorted, and the keys taken off."""
        if not order_by or distinct:
            return super().visit_ArrayCollect(
                op, arg=arg, where=where, order_by=order_by, include_null=include_null, distinct=distinct
            )
        given = arg.is_(sg.not_(NULL))
        return self._in_order(arg, given if where is None else sg.and_(where, given), order_by)

    def visit_GroupConcat(self, op: ops.GroupConcat, *, arg: Any, sep: Any, where: Any, order_by: Sequence[Any]) -> Any:
        """Joined in an order; null of no values."""
        given = arg.is_(sg.not_(NULL))
        where = given if where is None else sg.and_(where, given)
        listed = self._in_order(arg, where, order_by) if order_by else self.f.collect_list(self.if_(where, arg, NULL))
        return self.if_(self.f.anon.size(listed) > 0, self.f.array_join(listed, sep), NULL)

    def _in_order(self, arg: Any, where: Any, order_by: Sequence[Any]) -> Any:
        if any(key.args.get("desc") for key in order_by):
            raise NotImplementedError("Spark collects in ascending order only: turn the key's sign")
        names = [f"k{i}" for i in range(len(order_by))]
        row = self.f.anon.named_struct(
            *(part for name, key in zip(names, order_by, strict=True) for part in (sge.convert(name), key.this)),
            sge.convert("value"),
            arg,
        )
        listed = self.f.anon.array_sort(self.f.collect_list(self.if_(where, row, NULL)))
        each = sg.to_identifier("each", quoted=self.quoted)
        value = sge.Dot(this=each, expression=sg.to_identifier("value", quoted=self.quoted))
        return self.f.transform(listed, sge.Lambda(this=value, expressions=[each]))

    # ---- texts

    def visit_Strip(self, op: ops.Strip, *, arg: Any) -> Any:
        """White space is more than blanks."""
        return self._stripped(arg, rf"^{BLANK}+|{BLANK}+\z")

    def visit_LStrip(self, op: ops.LStrip, *, arg: Any) -> Any:
        """White space is more than blanks."""
        return self._stripped(arg, rf"^{BLANK}+")

    def visit_RStrip(self, op: ops.RStrip, *, arg: Any) -> Any:
        """White space is more than blanks."""
        return self._stripped(arg, rf"{BLANK}+\z")

    def _stripped(self, arg: Any, pattern: str) -> Any:
        return self.f.anon.regexp_replace(arg, sge.convert(pattern), sge.convert(""))

    def visit_RegexSearch(self, op: ops.RegexSearch, *, arg: Any, pattern: Any) -> Any:
        """See `regex`."""
        return self.f.anon.rlike(arg, _java(op.pattern))

    def visit_RegexExtract(self, op: ops.RegexExtract, *, arg: Any, pattern: Any, index: Any) -> Any:
        """See `regex`."""
        return self.f.anon.regexp_extract(arg, _java(op.pattern), index)

    def visit_RegexReplace(self, op: ops.RegexReplace, *, arg: Any, pattern: Any, replacement: Any) -> Any:
        """See `regex`."""
        put = sge.convert(regex.replacement(_literal(op.replacement)))
        return self.f.anon.regexp_replace(arg, _java(op.pattern), put)

    # ---- numbers and times

    def visit_Round(self, op: ops.Round, *, arg: Any, digits: Any) -> Any:
        """Halves are those of the binary number, not of its decimal form."""
        if op.dtype.is_integer() or not op.arg.dtype.is_floating():
            return SQLGlotCompiler.visit_Round(self, op, arg=arg, digits=digits)
        scale = sge.convert(float(10 ** int(_literal(op.digits))))
        return self.f.round(arg * self.cast(scale, dt.float64)) / self.cast(scale, dt.float64)

    def visit_DateDelta(self, op: ops.DateDelta, *, part: Any, left: Any, right: Any) -> Any:
        """Whole days between two dates."""
        if _literal(op.part) != "day":
            raise NotImplementedError(f"dates differ by days on Spark, not by {_literal(op.part)}")
        return self.cast(self.f.anon.datediff(left, right), dt.int64)

    def visit_DateTruncate(self, op: ops.DateTruncate, *, arg: Any, unit: Any) -> Any:
        """A date stays a date."""
        return self.cast(self.f.anon.date_trunc(sge.convert(unit.singular), arg), dt.date)

    def visit_ExtractEpochSeconds(self, op: ops.ExtractEpochSeconds, *, arg: Any) -> Any:
        """Seconds of the epoch with their fractions."""
        micros = self.f.anon.unix_micros(self.cast(arg, dt.Timestamp("UTC")))
        return micros / self._float(1e6)

    def visit_ExtractMicrosecond(self, op: ops.ExtractMicrosecond, *, arg: Any) -> Any:
        """Microseconds of the second."""
        micros = self.f.anon.unix_micros(self.cast(arg, dt.Timestamp("UTC")))
        return self.cast(self.f.anon.pmod(micros, sge.convert(1_000_000)), op.dtype)

    def visit_Cast(self, op: ops.Cast, *, arg: Any, to: dt.DataType) -> Any:
        """Numbers are rounded to whole ones, and values written as DuckDB writes them."""
        kind = op.arg.dtype
        if kind.is_floating() and to.is_integer():
            return self.cast(self.f.anon.rint(arg), to)
        if to.is_json() and kind.is_nested():
            return self.if_(arg.is_(NULL), NULL, self._json(arg, kind))
        if to.is_string():
            return arg if kind.is_json() else self._text(arg, kind)
        if kind.is_json() and to.is_nested():
            form = self.f.map(sge.convert("timestampFormat"), sge.convert(TIMES))
            return self.f.anon.from_json(arg, sge.convert(self.type_mapper.to_string(to)), form)
        return super().visit_Cast(op, arg=arg, to=to)

    def visit_TryCast(self, op: ops.TryCast, *, arg: Any, to: dt.DataType) -> Any:
        """Text that is no JSON is null."""
        return self.f.anon[JSON](arg) if to.is_json() else super().visit_TryCast(op, arg=arg, to=to)

    # ---- queries

    def visit_Select(
        self,
        op: Any,
        *,
        parent: Any,
        selections: Mapping[str, Any],
        qualified: Sequence[Any],
        sort_keys: Sequence[Any],
        distinct: bool,
        **others: Any,
    ) -> Any:
        """Spark filters by no window function, but by a column of one."""
        if not qualified:
            return super().visit_Select(
                op, parent=parent, selections=selections, qualified=(), sort_keys=sort_keys, distinct=distinct, **others
            )
        flags = {f"_flag{i}": each for i, each in enumerate(qualified)}
        fields = [*self._cleanup_names(selections), *self._cleanup_names(flags)]
        inner = sg.select(*fields, copy=False).from_(parent, copy=False)
        if predicates := others.get("predicates"):
            inner = inner.where(*predicates, copy=False)
        columns = {name: sg.column(name, quoted=self.quoted) for name in selections}
        kept = sg.select(*self._cleanup_names(columns), copy=False).from_(
            inner.subquery(parent.alias_or_name, copy=False), copy=False
        )
        kept = kept.where(*(sg.column(flag, quoted=self.quoted) for flag in flags), copy=False)
        kept = kept.order_by(*sort_keys, copy=False) if sort_keys else kept
        return kept.distinct() if distinct else kept

    # ---- values as text

    def _text(self, arg: Any, kind: dt.DataType) -> Any:
        """A value as text; null stays null."""
        text = self.cast(arg, dt.string)
        if kind.is_timestamp() and kind.timezone:
            return self.f.concat(text, sge.convert("+00"))
        return self._number(arg, text) if kind.is_floating() else text

    def _number(self, arg: Any, text: Any, form: str = "text") -> Any:
        """A number as the shortest decimal that reads as it; with an exponent only where it is very large or small."""
        small, large, minus, plus = WRITTEN[form]
        size = self.f.abs(arg)
        usual = sg.or_(arg.eq(0.0), self._within(size, *JAVA))
        exact = [self._changed(self.cast(self.cast(text, dt.Decimal(38, scale)), dt.string), ZEROS) for scale in SCALES]
        plain = self.if_(size < self._float(1), exact[0], self.if_(size < self._float(1e16), exact[1], exact[2]))
        short = {r"\.0E": "E", "E-([0-9])$": minus, "E-": "e-", "E": plus}
        odd = {"Infinity": "inf", "NaN": "nan"}
        other = self.if_(
            text.isin("Infinity", "-Infinity", "NaN"), self._changed(text, odd), self._changed(text, short)
        )
        return self.if_(usual, text, self.if_(self._within(size, small, large), plain, other))

    def _within(self, size: Any, low: float, high: float) -> Any:
        return sg.and_(size >= self._float(low), size < self._float(high))

    def _float(self, value: float) -> Any:
        return self.cast(sge.convert(value), dt.float64)

    def _changed(self, text: Any, patterns: Mapping[str, str]) -> Any:
        for pattern, new in patterns.items():
            text = self.f.anon.regexp_replace(text, sge.convert(pattern), sge.convert(new))
        return text

    def _json(self, arg: Any, kind: dt.DataType) -> Any:
        """A value as JSON without spaces, nulls written."""
        if kind.is_struct():
            parts = [sge.convert("{")]
            for i, (name, each) in enumerate(kind.fields.items()):
                field = sge.Dot(this=arg, expression=sg.to_identifier(name, quoted=self.quoted))
                parts += [sge.convert(f'{"," if i else ""}"{name}":'), self._json(field, each)]
            return self.f.concat(*parts, sge.convert("}"))
        if kind.is_array():
            each = sg.to_identifier("each", quoted=self.quoted)
            texts = self.f.transform(arg, sge.Lambda(this=self._json(each, kind.value_type), expressions=[each]))
            whole = self.f.concat(sge.convert("["), self.f.array_join(texts, sge.convert(",")), sge.convert("]"))
            return self.f.coalesce(whole, sge.convert("null"))
        if kind.is_floating():
            return self.f.coalesce(self._number(arg, self.cast(arg, dt.string), "json"), sge.convert("null"))
        if kind.is_numeric() or kind.is_boolean():
            return self.f.coalesce(self.cast(arg, dt.string), sge.convert("null"))
        listed = self.f.anon.to_json(self.f.array(self._text(arg, kind)))
        return self.f.anon.substring(listed, 2, self.f.length(listed) - 2)


def _literal(value: Any) -> Any:
    if not isinstance(value, ops.Literal):
        raise NotImplementedError(
            "on Spark a pattern, its replacement, a part of a date and digits have to be literals"
        )
    return value.value


def _java(pattern: Any) -> Any:
    return sge.convert(regex.java(_literal(pattern)))
