import pytest

from worker.jobs.states import FINISHED, LEGAL_MOVES, REDIRECTIONS, JobState, Redirection


def origins(target: JobState) -> set[JobState]:
    return {state for state, moves in LEGAL_MOVES.items() if target in moves}


def test_every_state_has_a_row_and_every_move_leads_to_a_state() -> None:
    assert set(LEGAL_MOVES) == set(JobState)
    assert set().union(*LEGAL_MOVES.values()) <= set(JobState)


def test_three_states_are_final() -> None:
    assert {JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED} == FINISHED


def test_only_a_running_job_can_succeed_and_only_a_queued_one_be_claimed() -> None:
    assert origins(JobState.SUCCEEDED) == {JobState.RUNNING}
    assert origins(JobState.RUNNING) == {JobState.QUEUED}
    assert origins(JobState.CANCELLED) == {JobState.QUEUED, JobState.RUNNING}


@pytest.mark.parametrize("rule", REDIRECTIONS)
def test_a_redirected_move_is_legal_wherever_the_one_asked_for_is(rule: Redirection) -> None:
    assert origins(rule.target) <= origins(rule.instead)
