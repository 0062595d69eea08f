"""Questions answered by measuring, a module each; a regular package, or an installed one of its name would hide it."""
