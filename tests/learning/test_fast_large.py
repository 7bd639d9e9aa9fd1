"""`fast-large` learns real pictures by its own recipe, cut short."""

from tests.learning.trainings import planned, trained

LEAST_ACCURACY = 0.6


def test_it_learns_the_sample_in_a_few_epochs_of_its_own_recipe() -> None:
    own_recipe = {"optimizer": None, "batch_size": None, "train_samples": None}
    _, fit = trained(planned(architecture="fast-large", epochs=4, **own_recipe))
    accuracies = fit.history.val_accuracy
    assert accuracies[-1] > LEAST_ACCURACY, accuracies
