"""Which pictures a network was not trained on, over the whole line of versions that it continues."""

import pytest

from model_store import ModelStore, open_store
from tests.plans import SAMPLE, planned
from tests.unit.service.tiny_networks import publish
from worker.jobs.plan import TrainingPlan
from worker.training.trust.untouched import reason_against

PLAN = planned(seed=1)


@pytest.fixture
def store() -> ModelStore:
    return open_store("memory://")


def publish_trained(store: ModelStore, plan: TrainingPlan, fingerprint: str = SAMPLE.fingerprint) -> str:
    manifest = publish(store, "m", recipe=plan.model_dump(mode="json"), dataset_fingerprint=fingerprint)
    return f"m/{manifest.version}"


def continued(reference: str, **changes: object) -> TrainingPlan:
    return PLAN.model_copy(update={"initial_model": reference, **changes})


def test_validation_pictures_are_untouched_and_the_test_split_is_not_used(store: ModelStore) -> None:
    assert reason_against(PLAN, SAMPLE, store) is None
    reason = reason_against(PLAN.model_copy(update={"validation": "test"}), SAMPLE, store)
    assert reason is not None
    assert "test split" in reason


def test_a_job_that_continues_with_the_same_split_has_untouched_pictures(store: ModelStore) -> None:
    first = publish_trained(store, PLAN)
    second = publish_trained(store, continued(first))
    assert reason_against(continued(second), SAMPLE, store) is None


@pytest.mark.parametrize("changes", [{"seed": 2}, {"train_samples": 500}, {"validation": 0.2}])
def test_a_job_that_continues_with_another_split_has_none(store: ModelStore, changes: dict[str, object]) -> None:
    first = publish_trained(store, PLAN)
    second = publish_trained(store, continued(first, **changes))
    for reference in (first, second):
        reason = reason_against(continued(reference, **changes), SAMPLE, store)
        assert (reason is None) == (reference == first and not changes)


def test_a_version_of_another_dataset_does_not_matter_and_a_deleted_one_is_not_trusted(store: ModelStore) -> None:
    other = publish_trained(store, planned(seed=5), fingerprint="cd" * 32)
    assert reason_against(continued(other), SAMPLE, store) is None
    reason = reason_against(continued("m/9"), SAMPLE, store)
    assert reason is not None
    assert "not known" in reason


def test_a_version_from_elsewhere_that_names_no_version_is_not_trusted(store: ModelStore) -> None:
    imported = publish_trained(store, continued("elsewhere@best"))
    reason = reason_against(continued(imported), SAMPLE, store)
    assert reason is not None
    assert "elsewhere@best, whose training pictures are not known" in reason


def test_a_datasets_own_validation_split_is_always_untouched(store: ModelStore) -> None:
    reference = publish_trained(store, planned(seed=5))
    assert reason_against(continued(reference, validation="validation"), SAMPLE, store) is None
