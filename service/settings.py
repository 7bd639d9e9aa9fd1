"""What the API process reads from the environment, as one frozen value built at its entry point.

Every limit that protects the process is a field here with its unit; the code that enforces one is handed the number.
"""

from pydantic import Field

from worker.settings import SharedSettings

_MIB = 1024 * 1024


class ApiSettings(SharedSettings):
    """Where the API listens and how much it takes in at once."""

    host: str = Field(default="127.0.0.1", description="Address to listen on; the default is this machine only.")
    port: int = Field(default=8000, ge=0, le=65535, description="TCP port to listen on; 0 lets the system choose.")
    max_body_bytes: int = Field(
        default=32 * _MIB,
        ge=1024,
        description="Largest request body with pictures, in bytes; more is 413.",
    )
    max_json_bytes: int = Field(
        default=_MIB, ge=1024, description="Largest JSON body without pictures, in bytes; more is 413."
    )
    max_pictures: int = Field(default=64, ge=1, description="Most pictures in one prediction request.")
    max_picture_bytes: int = Field(default=10 * _MIB, ge=1, description="Largest picture file, in bytes.")
    max_picture_pixels: int = Field(
        default=24_000_000, ge=1, description="Most pixels of one picture, read from its header before it is decoded."
    )
    max_picture_side: int = Field(default=8192, ge=1, description="Longest side of one picture, in pixels.")
    decode_threads: int = Field(default=2, ge=1, le=64, description="Threads that decode pictures.")
    inference_workers: int = Field(default=2, ge=1, le=64, description="Batches that ONNX Runtime works on at once.")
    inference_threads: int = Field(
        default=1,
        ge=1,
        le=256,
        description="Threads that ONNX Runtime uses for one batch; 1 suits small networks.",
    )
    loaded_models: int = Field(
        default=8, ge=1, description="Model versions kept in memory; the one not used for longest makes room."
    )
    catalog_refresh_s: float = Field(
        default=0.3,
        ge=0,
        description="Seconds after which the list of models is read from the store again; more suits a distant store.",
    )
