"""Labels: what behaviour and people say about an item or a text, whatever shape the data have.

Here: what was shown (`exposure`), how probably a position is looked at (`positions`), how relevant an item is by what
was done with it (`grades`), what a user took before (`contexts`), the label that stars stand for (`reviews`), labels in
doubt (`label_noise`) and what a person decided on them (`corrections`), and which split something falls into
(`splits`). These modules know no shape and make no pairs: which of them apply to a shape, and how its tables become
pairs and corpus by them, is the recipes' part.
"""
