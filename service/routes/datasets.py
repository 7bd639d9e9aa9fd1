"""Routes of what can be trained on."""

import asyncio
from pathlib import Path

from fastapi import APIRouter
from pydantic import BaseModel, Field

from service.deps import StateDep
from service.problem_docs import problem_responses
from worker.datasets import DATASETS, DatasetInfo, DatasetNotFound, dataset_info, is_available


class DatasetClass(BaseModel):
    """One class and its pictures."""

    label: str = Field(examples=["Ankle boot"])
    train: int = Field(description="Pictures to train on.", examples=[6000])
    test: int = Field(description="Pictures in the test split.", examples=[1000])


class DatasetAnswer(BaseModel):
    """A dataset."""

    name: str = Field(examples=["fashion_mnist"])
    title: str
    image_shape: tuple[int, int, int] = Field(description="Height, width, channels.", examples=[[28, 28, 1]])
    classes: list[DatasetClass] = Field(description="In the order of a model's `class_index`.")
    train: int = Field(description="Pictures to train on, all classes together.")
    test: int = Field(description="Pictures in the test split, all classes together.")
    available: bool = Field(description="On this server's disk; otherwise the first job that needs it fetches it.")
    licence: str
    source: str = Field(description="Where it comes from.")


class DatasetList(BaseModel):
    """All datasets."""

    datasets: list[DatasetAnswer]


router = APIRouter(prefix="/datasets", tags=["datasets"])


@router.get("", summary="List datasets")
async def list_datasets(state: StateDep) -> DatasetList:
    """What can be trained on."""
    directory = state.settings.datasets_path
    return DatasetList(datasets=[await _answer(info, directory) for info in DATASETS.values()])


@router.get("/{name}", summary="One dataset", responses=problem_responses(DatasetNotFound))
async def get_dataset(name: str, state: StateDep) -> DatasetAnswer:
    """Pictures per class, shape, licence, source, and whether it is on this server's disk."""
    return await _answer(dataset_info(name), state.settings.datasets_path)


async def _answer(info: DatasetInfo, directory: Path) -> DatasetAnswer:
    per_class = zip(info.classes, info.train_per_class, info.test_per_class, strict=True)
    return DatasetAnswer(
        name=info.name,
        title=info.title,
        image_shape=info.image_shape,
        classes=[DatasetClass(label=label, train=train, test=test) for label, train, test in per_class],
        train=info.n_train,
        test=info.n_test,
        available=await asyncio.to_thread(is_available, info.name, directory),
        licence=info.licence,
        source=info.source,
    )
