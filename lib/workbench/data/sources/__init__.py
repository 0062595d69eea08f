"""One module a source: raw files in, canonical tables out."""
