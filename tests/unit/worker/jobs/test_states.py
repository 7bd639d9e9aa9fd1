from worker.jobs.states import FINISHED, MOVES, JobState, origins


def test_every_state_has_a_row_and_every_move_leads_to_a_state() -> None:
    assert set(MOVES) == set(JobState)
    assert set().union(*MOVES.values()) <= set(JobState)


def test_three_states_are_final() -> None:
    assert {JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED} == FINISHED


def test_only_a_running_job_can_succeed_and_only_a_queued_one_be_claimed() -> None:
    assert origins(JobState.SUCCEEDED) == {JobState.RUNNING}
    assert origins(JobState.RUNNING) == {JobState.QUEUED}
    assert origins(JobState.CANCELLED) == {JobState.QUEUED, JobState.RUNNING}
