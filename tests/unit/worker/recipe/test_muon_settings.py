"""The settings of Muon, and those of augmentation that belong to another."""

import pytest
from pydantic import ValidationError

from worker.recipe.options import Augmentation, Optimizer


def test_muon_s_rates_are_filled_in() -> None:
    complete = Optimizer(name="muon").filled_in()
    assert (complete.learning_rate, complete.others_rate, complete.weight_decay) == (0.02, 0.002, 0.0)
    assert Optimizer(name="muon", others_rate=0.1).filled_in().others_rate == 0.1


def test_other_optimizers_have_no_second_rate_and_do_not_show_it() -> None:
    with pytest.raises(ValidationError, match="others_rate is not a setting of adam; expected it only with muon"):
        Optimizer(name="adam", others_rate=0.1)
    assert "others_rate" not in Optimizer(name="adam").filled_in().model_dump()


def test_muon_may_look_ahead_with_its_own_momentum() -> None:
    assert Optimizer(name="muon", nesterov=True).nesterov
    with pytest.raises(ValidationError, match="nesterov needs a momentum"):
        Optimizer(name="sgd", nesterov=True)


def test_alternating_alone_changes_no_picture() -> None:
    assert not Augmentation(alternate_flip=True).is_on
    assert "alternate_flip" not in Augmentation(horizontal_flip=True).model_dump()
