"""The distributed engine: the same Ibis expressions on PySpark, embedded (`local[2]`) or on a cluster."""
