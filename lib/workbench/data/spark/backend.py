"""Spark under the Ibis expressions: what is kept lies in Parquet files, and what comes back is as from DuckDB."""

import itertools
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.operations as ops
import ibis.expr.schema as sch
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pyspark.sql.types as pt
from ibis.backends.duckdb.converter import DuckDBPandasData
from ibis.backends.pyspark import Backend as PySparkBackend
from ibis.backends.pyspark.datatypes import PySparkSchema, PySparkType
from ibis.expr.operations.udf import InputType
from ibis.formats.pyarrow import PyArrowData
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as sql

from workbench.data import contract
from workbench.data.spark import columns
from workbench.data.spark.compiler import JSON, Compiler


class Backend(PySparkBackend):
    """Ibis' backend for PySpark with DuckDB's semantics (see `compiler`), kept tables in files, and times in UTC."""

    compiler = Compiler()

    def do_connect(self, session: SparkSession, folder: str) -> None:
        """Take a session, and the folder, seen by all of its machines, in which tables are kept."""
        super().do_connect(session)
        session.udf.register(JSON, sql.pandas_udf(columns.json_or_null, pt.StringType()))  # type: ignore[call-overload]
        self.folder, self.number, self.kept = folder, itertools.count(), dict[str, str]()

    # ---- tables

    def frame(self, table: ibis.Expr) -> DataFrame:
        """A table as Spark's own frame, not computed yet."""
        self._run_pre_execute_hooks(table)
        return self._session.sql(self.compile(table.as_table()))

    def create_table(
        self, name: str, /, obj: Any = None, *, schema: Any = None, overwrite: bool = False, **_: Any
    ) -> ibis.Table:
        """Compute a table once and keep it in files; a table without rows if only a schema is given."""
        if not overwrite and name in self.kept:
            raise ValueError(f"there is a table '{name}' already: overwrite it, or take another name")
        if obj is None:
            frame = self._session.createDataFrame([], PySparkSchema.from_ibis(ibis.schema(schema)))
        else:
            obj = obj if isinstance(obj, ibis.Expr) else ibis.memtable(obj)
            frame = self.frame(obj)
            frame = _widened(frame, obj.schema())
        path = f"{self.folder}/{name}-{next(self.number)}"
        frame.write.parquet(path)
        self._session.read.schema(frame.schema).parquet(path).createOrReplaceTempView(name)
        self._forget(name)
        self.kept[name] = path
        return self.table(name)

    def create_view(self, name: str, /, obj: ibis.Table, *, overwrite: bool = False, **_: Any) -> ibis.Table:
        """Keep the table: a view would be planned anew, with all that it is made of, for each query."""
        return self.create_table(name, obj, overwrite=overwrite)

    def drop_table(self, name: str, /, *, force: bool = False, **_: Any) -> None:
        """Drop a kept table and its files."""
        if not self._session.catalog.dropTempView(name) and not force:
            raise ValueError(f"there is no table '{name}' to drop")
        self._forget(name)

    def _forget(self, name: str) -> None:
        if path := self.kept.pop(name, ""):
            shutil.rmtree(path, ignore_errors=True)

    def get_schema(self, table_name: str, *, catalog: Any = None, database: Any = None) -> sch.Schema:
        """Columns and types of a table; Spark's times are moments, so they are in UTC."""
        fields = self._session.table(f"`{table_name}`").schema.fields
        return ibis.schema({field.name: _type(field.dataType) for field in fields})

    def _get_schema_using_query(self, query: str) -> sch.Schema:
        return ibis.schema({field.name: _type(field.dataType) for field in self._session.sql(query).schema.fields})

    def _register_in_memory_table(self, op: ops.InMemoryTable) -> None:
        schema = PySparkSchema.from_ibis(op.schema)
        data = op.data.to_pyarrow(op.schema)
        frame = (
            self._session.createDataFrame(data, schema) if data.num_rows else self._session.createDataFrame([], schema)
        )
        frame.createOrReplaceTempView(op.name)

    # ---- files

    def to_parquet(
        self, expr: ibis.Expr, /, path: str | Path, *, params: Any = None, limit: Any = None, **_: Any
    ) -> None:
        """Write one file, as every later stage reads it; one task writes it, a row after another."""
        place = Path(path)
        aside = place.with_name(f".{place.name}-{next(self.number)}")
        self.frame(expr).coalesce(1).write.mode("overwrite").parquet(str(aside))
        (part,) = aside.glob("part-*.parquet")
        part.replace(place)
        shutil.rmtree(aside)

    # ---- results

    def execute(self, expr: ibis.Expr, /, *, params: Any = None, limit: Any = None, **_: Any) -> Any:
        """A result in pandas, with the types that DuckDB's have."""
        found = self._arrow(expr, limit)
        values = {
            name: column.to_pylist() if pa.types.is_nested(column.type) or column.null_count else column.to_pandas()
            for name, column in zip(found.column_names, found.columns, strict=True)
        }
        frame = DuckDBPandasData.convert_table(pd.DataFrame(values), expr.as_table().schema())
        return expr.__pandas_result__(frame)

    def to_pyarrow(self, expr: ibis.Expr, /, *, params: Any = None, limit: Any = None, **_: Any) -> Any:
        """A result in Arrow, with the types of its schema."""
        found = PyArrowData.convert_table(self._arrow(expr, limit), expr.as_table().schema())
        return expr.__pyarrow_result__(found)

    def to_pyarrow_batches(
        self, expr: ibis.Expr, /, *, params: Any = None, limit: Any = None, chunk_size: int = 1_000_000, **_: Any
    ) -> pa.RecordBatchReader:
        """A result batch by batch: it is written aside first, so that the driver never holds all of it."""
        table = expr.as_table()
        aside = Path(f"{self.folder}/batches-{next(self.number)}.parquet")
        self.to_parquet(table, aside)
        schema = table.schema().to_pyarrow()

        def batches() -> Iterator[pa.RecordBatch]:
            with pq.ParquetFile(aside) as file:
                for batch in file.iter_batches(chunk_size):
                    yield from PyArrowData.convert_table(pa.Table.from_batches([batch]), table.schema()).to_batches()
            aside.unlink()

        return pa.RecordBatchReader.from_batches(schema, batches())

    def _arrow(self, expr: ibis.Expr, limit: Any) -> pa.Table:
        self._run_pre_execute_hooks(expr)
        return self._session.sql(self.compile(expr.as_table(), limit=limit)).toArrow()

    # ---- functions

    def _register_udfs(self, expr: ibis.Expr) -> None:
        super()._register_udfs(expr)
        for udf in expr.op().find(ops.ScalarUDF):
            if udf.__input_type__ == InputType.PYARROW:  # Ibis would hand over a row at a time
                called = columns.on_series(udf.__func__, udf.dtype.to_pyarrow())
                made = sql.pandas_udf(called, returnType=PySparkType.from_ibis(udf.dtype))  # type: ignore[call-overload]
                self._session.udf.register(self.compiler.__sql_name__(udf), made)


def _widened(frame: DataFrame, schema: sch.Schema) -> DataFrame:
    """Whole numbers of 64 bits where Ibis expects them: Spark numbers rows and counts letters in 32."""
    narrow = (pt.ByteType, pt.ShortType, pt.IntegerType)
    small = [field.name for field in frame.schema.fields if isinstance(field.dataType, narrow)]
    return frame.withColumns({name: frame[f"`{name}`"].cast("long") for name in small if schema[name].is_int64()})


def _type(kind: pt.DataType) -> ibis.DataType:
    if isinstance(kind, pt.TimestampType):
        return ibis.dtype(contract.UTC)
    return PySparkType.to_ibis(kind)
