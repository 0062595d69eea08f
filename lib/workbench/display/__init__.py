"""Figures, tables and widgets of the notebooks; shows results and computes none."""
