"""What the reader's process answers with. Knows neither Keras files nor ONNX files."""

from pydantic import BaseModel, ConfigDict, Field

from worker.architectures.description import Architecture

RESULT_FILE, NUMBERS_FILE, CHECKED_FILE = "result.json", "numbers.bin", "checked.onnx"


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class LayerNumbers(_Answer):
    """The arrays of one layer in the file of numbers: where each begins, counted in numbers, and its shape."""

    offsets: tuple[int, ...]
    shapes: tuple[tuple[int, ...], ...]


class Transcoded(_Answer):
    """A Keras file as this program describes networks; its weights are in `NUMBERS_FILE`."""

    architecture: Architecture
    input_shape: tuple[int, int, int]
    n_classes: int
    numbers: dict[str, LayerNumbers] = Field(description="By the layer's index in the description.")
    preprocessing: str
    remarks: tuple[str, ...] = ()


class Checked(_Answer):
    """An ONNX file that may be served; `CHECKED_FILE` has it, with the input and output of every network here."""

    input_shape: tuple[int, int, int]
    n_classes: int
    parameters: int
    preprocessing: str
    difference: float = Field(description="Largest one between answers to pictures that come together and one by one.")
    seconds: float = Field(description="CPU time of one picture.")
    remarks: tuple[str, ...] = ()


class Refusal(_Answer):
    """The file cannot be used."""

    message: str
    hint: str | None = None


class Result(_Answer):
    """Exactly one of the three."""

    transcoded: Transcoded | None = None
    checked: Checked | None = None
    refusal: Refusal | None = None
