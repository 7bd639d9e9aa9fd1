"""Muon: an optimizer that moves every kernel in all directions at once.

Its step for a kernel is the nearest orthogonal matrix to the averaged gradient, so a direction in which the gradient is
small is followed as far as one in which it is large (Jordan and others, 2024). Keras's own Muon treats only dense
layers; this one treats convolutions as matrices of a row per filter.

Not in here: whether a job uses it, which is in `worker.recipe.options` and the networks' recipes.
"""
