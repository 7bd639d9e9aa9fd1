"""A process sends its first wake-ups from several threads at once."""

import subprocess
import sys

EIGHT_AT_ONCE = """
import threading
from worker.job_store.wake_ups import WakeUps

wake_ups, together, kinds = WakeUps("redis+socket:///nowhere/redis.sock"), threading.Barrier(8), set()

def notify():
    together.wait()
    try:
        wake_ups.notify("job")
    except Exception as error:
        kinds.add(type(error).__name__)

threads = [threading.Thread(target=notify) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(sorted(kinds))
"""


def test_the_first_wake_ups_of_a_process_may_be_sent_at_once() -> None:
    """Celery is imported by the first of them; see `worker.job_store.wake_ups`."""
    answer = subprocess.run([sys.executable, "-c", EIGHT_AT_ONCE], capture_output=True, text=True, check=True)
    assert answer.stdout == "['QueueUnavailable']\n"
