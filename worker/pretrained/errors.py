"""Why pretrained weights cannot be used."""


class WeightsRejected(ValueError):
    """A file is not what it should be: damaged, of another format, or hostile."""


class WeightsMissing(Exception):
    """The package that holds the weights is not installed."""
