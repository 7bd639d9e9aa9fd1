"""How well and how fast few photographs become a classifier: through the product, and by hand in Keras."""
