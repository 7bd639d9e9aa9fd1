"""`convserve train`: its arguments and options. `service.cli.train` and `service.cli.own_photos` implement it."""

# Heavy imports happen inside the command: see the package's docstring.
# ruff: noqa: PLC0415

from pathlib import Path
from typing import Annotated

import typer

from service.cli.options import Url

TRAIN_EXAMPLES = (
    "[bold]Examples[/bold]\n\n"
    "  convserve train ./my-photos\n\n"
    "  convserve train cnn cifar10 --epochs 10 --validation test\n\n"
    "  convserve train my-network.json fashion_mnist --epochs 5 --optimizer sgd --learning-rate 0.05"
)


def train(
    architecture: Annotated[
        str,
        typer.Argument(
            metavar="ARCHITECTURE",
            help="Name of a preset, or a .json file that describes a network. A folder or a zip of your own pictures "
            "instead trains `efficientnet-lite0` on them.",
        ),
    ],
    dataset: Annotated[
        str | None, typer.Argument(help="Name of a dataset, or a folder or a zip of your own pictures.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Number of epochs; default: from the preset.")] = None,
    batch_size: Annotated[
        int | None, typer.Option(help="Pictures per batch; default: from the preset, smaller for few pictures.")
    ] = None,
    optimizer: Annotated[
        str | None, typer.Option(help="adam, adamw, muon, rmsprop or sgd; default: from the preset.")
    ] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Learning rate; needs --optimizer.")] = None,
    validation: Annotated[
        str | None,
        typer.Option(help="Share of the training pictures, such as 0.1, or the split `test` or `validation`."),
    ] = None,
    model: Annotated[str | None, typer.Option(help="Name of the model to publish.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of all random numbers, to repeat a run.")] = None,
    devices: Annotated[
        int | None, typer.Option(help="GPUs of one worker among which every batch is divided; default: 1.")
    ] = None,
    train_samples: Annotated[int | None, typer.Option(help="Train only on the first n shuffled pictures.")] = None,
    test_samples: Annotated[int | None, typer.Option(help="Test only on n pictures, for a quick try.")] = None,
    initial_model: Annotated[
        str | None, typer.Option(help="Published version to continue from: name, name/version or name@alias.")
    ] = None,
    weights: Annotated[str | None, typer.Option(help="`imagenet`, or `none` for random ones.")] = None,
    part: Annotated[
        str | None,
        typer.Option("--train", help="How much of a network with learned weights: head, last_blocks or all."),
    ] = None,
    grid: Annotated[
        list[str] | None,
        typer.Option(help="Field and values to try, such as seed=1,2,3; repeatable. Queues one job per combination."),
    ] = None,
    fields: Annotated[
        list[str] | None,
        typer.Option(
            "--set", help="Any other field of a job, such as label_smoothing=0.1 or early_stopping=true; repeatable."
        ),
    ] = None,
    group: Annotated[
        str | None, typer.Option(help="Add the jobs to this group, such as more seeds for an unclear verdict.")
    ] = None,
    tags: Annotated[list[str] | None, typer.Option("--tag", help="A word to find the job by; repeatable.")] = None,
    note: Annotated[str | None, typer.Option(help="A line about the job.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Queue nothing; print what it would cost, as JSON.")
    ] = False,
    follow: Annotated[bool, typer.Option(help="Show the progress until the job ends.")] = True,
    cancel_on_interrupt: Annotated[
        bool, typer.Option("--cancel-on-interrupt", help="Ctrl-C also cancels the job.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the job as JSON, a line for every change while it is followed.")
    ] = False,
    url: Url = None,
) -> None:
    """Submit a training job and follow it to its end. Pictures of your own are uploaded first."""
    from service.cli.comparison import grid_of, place_of, submit_grid, with_fields
    from service.cli.job_actions import submit_as_json
    from service.cli.json_lines import print_line
    from service.cli.own_photos import architecture_and_pictures, upload_pictures
    from service.cli.server import connect
    from service.cli.train import job_request, run_train

    architecture, dataset, pictures = architecture_and_pictures(architecture, dataset)
    with connect(url) as client:
        request = job_request(
            architecture,
            upload_pictures(client, Path(pictures), as_json=as_json or dry_run) if pictures else dataset,
            optimizer,
            learning_rate,
            validation,
            epochs=epochs,
            batch_size=batch_size,
            devices=devices,
            model=model,
            seed=seed,
            train_samples=train_samples,
            test_samples=test_samples,
            initial_model=initial_model,
            weights=weights,
            train=part,
            tags=tags or None,
            note=note,
        )
        request = with_fields(request, fields or ()) | ({"grid": grid_of(grid)} if grid else {})
        if dry_run:
            print_line(client.post(f"{place_of(group)}?dry_run=true", request))
        elif grid or group:
            submit_grid(client, request, group, as_json)
        elif as_json:
            submit_as_json(client, request, follow)
        else:
            run_train(client, request, follow, cancel_on_interrupt)
