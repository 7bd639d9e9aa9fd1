"""`fast-large` learns real pictures by its own recipe, cut short."""

from tests.learning.trainings import planned, trained

LEAST_ACCURACY = 0.6  # five trainings with different seeds and numbers of pictures ended between 0.700 and 0.773


def test_it_learns_a_thousand_pictures_in_three_epochs() -> None:
    # Small batches: with those of the recipe there would be too few steps for batch normalization to settle.
    _, fit = trained(planned(architecture="fast-large", optimizer=None, batch_size=32, epochs=3, train_samples=1000))
    accuracies = fit.history.val_accuracy
    assert accuracies[-1] > LEAST_ACCURACY, accuracies
