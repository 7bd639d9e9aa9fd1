"""Tells addresses that clients gave of the end of their jobs.

A notice is a POST with the job in short as JSON. With a secret, `X-Convserve-Signature: t=<seconds>,v1=<hex>` is the
HMAC-SHA256 of `<seconds>.<body>`. A notice that is not answered 2xx is sent again after growing pauses; as it may come
twice, `X-Convserve-Delivery` is the same each time.
"""

import hashlib
import hmac
import json
import logging
import threading
import time

from service.jobs.job_rows import row_of
from service.web.outgoing import AddressRefused, DeliveryFailed, post
from worker.job_store.notices import Notice, NoticeStore
from worker.job_store.store import JobStore
from worker.jobs.errors import JobNotFound, QueueUnavailable

logger = logging.getLogger(__name__)

INTERVAL_S = 2.0
AT_ONCE = 4
PAUSES_S = (10.0, 60.0, 600.0, 3600.0, 6 * 3600.0)
"""Before the second try, the third one and so on; after the last one the notice is given up."""


class Notifier(threading.Thread):
    """Sends due notices for as long as its process lives.

    Args:
        notices: to be sent.
        job_store: knows the jobs.
        secret: for signatures; None to sign nothing.
        allow_private: send to private networks, too.
    """

    def __init__(self, notices: NoticeStore, job_store: JobStore, secret: str | None, *, allow_private: bool) -> None:
        super().__init__(name="notifier", daemon=True)
        self._notices = notices
        self._job_store = job_store
        self._secret = secret
        self._allow_private = allow_private
        self._stopped = threading.Event()

    def run(self) -> None:
        """Look every two seconds until stopped; what does not succeed is tried again."""
        while not self._stopped.wait(INTERVAL_S):
            try:
                self.send_due()
            except QueueUnavailable as error:
                logger.debug("notices wait, Redis does not answer: %s", error.reason)
            except Exception:  # the thread's boundary: other notices must go out
                if self._stopped.is_set():
                    return  # the connection was closed at the end of the process
                logger.exception("sending notices failed; it is tried again")

    def stop(self) -> None:
        """End the thread."""
        self._stopped.set()

    def send_due(self) -> None:
        """Send some notices at the same time, so that one slow receiver does not hold up the others."""
        senders = [threading.Thread(target=self._send, args=[notice]) for notice in self._notices.take(AT_ONCE)]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()

    def _send(self, notice: Notice) -> None:
        try:
            body = self._body(notice.job)
            post(notice.url, body, self._headers(notice.job, body), allow_private=self._allow_private)
        except JobNotFound:
            self._notices.forget(notice.job)
        except (AddressRefused, DeliveryFailed) as error:
            self._put_off(notice, error)
        except QueueUnavailable as error:
            logger.debug("job %s: its notice waits, Redis does not answer: %s", notice.job, error.reason)
        else:
            self._notices.forget(notice.job)

    def _put_off(self, notice: Notice, error: Exception) -> None:
        if notice.tries > len(PAUSES_S):
            logger.warning("job %s: its notice was not delivered and is given up: %s", notice.job, error)
            self._notices.forget(notice.job)
        else:
            logger.info("job %s: its notice was not delivered and is sent again: %s", notice.job, error)
            self._notices.put_off(notice.job, PAUSES_S[notice.tries - 1])

    def _body(self, job: str) -> bytes:
        row = row_of(self._job_store.get(job)).model_dump(mode="json")
        return json.dumps({"event": "job.finished", "job": row}).encode()

    def _headers(self, job: str, body: bytes) -> dict[str, str]:
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "convserve",
            "X-Convserve-Delivery": f"{job}-finished",
        }
        if self._secret is not None:
            headers["X-Convserve-Signature"] = signature(self._secret, int(time.time()), body)
        return headers


def signature(secret: str, seconds: int, body: bytes) -> str:
    """The signature of a body that is sent at a time, in seconds since the epoch."""
    digest = hmac.new(secret.encode(), f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={seconds},v1={digest}"
