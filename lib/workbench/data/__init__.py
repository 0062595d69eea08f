"""The canonical tables, the engine that computes on them, and the sources that fill them."""
