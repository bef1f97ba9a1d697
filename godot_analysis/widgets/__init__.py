"""Interactive views for Jupyter, one module and one script of the same stem each."""
