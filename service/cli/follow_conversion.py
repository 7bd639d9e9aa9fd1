"""Follows the conversion of an archive to its end, with a progress bar."""

from collections.abc import Callable

from rich.progress import BarColumn, Progress, TextColumn

from service.cli.client import Client, JsonObject, ServerRefused, ServerUnreachable
from service.cli.follow import RETRY_S, Patience

POLL_S = 0.3


def follow_conversion(
    client: Client,
    dataset: JsonObject,
    conversion_of: Callable[[JsonObject], JsonObject | None],
    sleep: Callable[[float], None],
    *,
    as_json: bool,
) -> JsonObject:
    """The dataset when nothing is converted any more.

    Args:
        client: of its server.
        dataset: as it is now.
        conversion_of: what has `state` and `progress` of the conversion, in an answer of the server; None without one.
        sleep: waits for so many seconds.
        as_json: show no bar.

    Raises:
        ServerUnreachable: the server has not responded for a while; the conversion may go on.
        ServerRefused: it does not know the dataset any more, for example.
    """
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed:.0f}/{task.total:.0f}"))
    patience = Patience()
    with Progress(*columns, transient=True, disable=as_json) as bar:
        task = bar.add_task("reading", total=1)
        while (conversion := conversion_of(dataset)) and conversion["state"] == "converting":
            now = conversion["progress"]
            bar.update(task, description=now["phase"], completed=now["done"], total=max(now["total"], 1))
            sleep(POLL_S)
            try:
                dataset = client.get(f"/datasets/{dataset['name']}")
                patience.answered()
            except (ServerUnreachable, ServerRefused) as error:
                patience.failed(error)
                sleep(RETRY_S)
    return dataset
