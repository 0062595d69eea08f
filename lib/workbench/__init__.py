"""E-commerce workbench: the shared lib behind the notebooks."""
