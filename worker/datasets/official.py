"""The official files as data: names, sizes, checksums, and their publishers' addresses.

Sizes and SHA-256 sums were computed from files whose MD5 sums are the published ones. No HTTP client is used here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal


@dataclass(frozen=True)
class OfficialFile:
    """One file as its publishers released it.

    Attributes:
        name: name of the file, without a directory.
        size_bytes: exact size.
        digest: checksum in lowercase hexadecimal.
        algorithm: algorithm of `digest`. MD5 only where nothing better is published: it detects damage, not tampering.
    """

    name: str
    size_bytes: int
    digest: str
    algorithm: Literal["sha256", "md5"] = "sha256"


@dataclass(frozen=True)
class Official:
    """Where a dataset's files come from and where they are stored.

    Attributes:
        folder: directory inside the datasets directory; also the directory inside `archive`.
        url: address of `archive`, or of the directory with `files`.
        mirror_setting: environment variable that replaces `url` by another address.
        files: all files that are read.
        archive: the .tar.gz that contains `files`, if there is one.
    """

    folder: str
    url: str
    mirror_setting: str
    files: tuple[OfficialFile, ...]
    archive: OfficialFile | None = None

    def paths(self, datasets_dir: Path) -> list[Path]:
        """Where the files are, or will be."""
        return [datasets_dir / self.folder / file.name for file in self.files]

    def missing(self, datasets_dir: Path) -> tuple[OfficialFile, ...]:
        """The files that are not there yet; the contents of the others are not checked."""
        return tuple(file for file in self.files if not (datasets_dir / self.folder / file.name).is_file())

    def hint(self, datasets_dir: Path) -> str:
        """What a person can do to make the files available."""
        names = ", ".join(file.name for file in self.files)
        folder = (datasets_dir / self.folder).absolute()
        packed = f" (they are inside {self.archive.name})" if self.archive else ""
        return (
            f"Put the official files {names}{packed} into {folder}, or set {self.mirror_setting} to a mirror. "
            f"Their official address is {self.url}"
        )


OFFICIAL: Mapping[str, Official] = MappingProxyType(
    {
        "cifar10": Official(
            folder="cifar-10-batches-py",
            url="https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
            mirror_setting="CONVSERVE_CIFAR10_URL",
            # The MD5 of the archive is the published one; the files inside have SHA-256 sums below.
            archive=OfficialFile("cifar-10-python.tar.gz", 170_498_071, "c58f30108f718f92721af3b95e74349a", "md5"),
            files=(
                OfficialFile(
                    "data_batch_1", 31_035_704, "54636561a3ce25bd3e19253c6b0d8538147b0ae398331ac4a2d86c6d987368cd"
                ),
                OfficialFile(
                    "data_batch_2", 31_035_320, "766b2cef9fbc745cf056b3152224f7cf77163b330ea9a15f9392beb8b89bc5a8"
                ),
                OfficialFile(
                    "data_batch_3", 31_035_999, "0f00d98ebfb30b3ec0ad19f9756dc2630b89003e10525f5e148445e82aa6a1f9"
                ),
                OfficialFile(
                    "data_batch_4", 31_035_696, "3f7bb240661948b8f4d53e36ec720d8306f5668bd0071dcb4e6c947f78e9682b"
                ),
                OfficialFile(
                    "data_batch_5", 31_035_623, "d91802434d8376bbaeeadf58a737e3a1b12ac839077e931237e0dcd43adcb154"
                ),
                OfficialFile(
                    "test_batch", 31_035_526, "f53d8d457504f7cff4ea9e021afcf0e0ad8e24a91f3fc42091b8adef61157831"
                ),
            ),
        ),
        "cifar100": Official(
            folder="cifar-100-python",
            url="https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",
            mirror_setting="CONVSERVE_CIFAR100_URL",
            archive=OfficialFile(
                "cifar-100-python.tar.gz",
                169_001_437,
                "85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7",
            ),
            # Of the files inside, only MD5 sums are published.
            files=(
                OfficialFile("train", 155_249_918, "16019d7e3df5f24257cddd939b257f8d", "md5"),
                OfficialFile("test", 31_049_908, "f0ef6b0ae62326f3e7ffdfab6717acfc", "md5"),
            ),
        ),
        "fashion_mnist": Official(
            folder="fashion-mnist",
            url="http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
            mirror_setting="CONVSERVE_FASHION_MNIST_URL",
            files=(
                OfficialFile(
                    "train-images-idx3-ubyte.gz",
                    26_421_880,
                    "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
                ),
                OfficialFile(
                    "train-labels-idx1-ubyte.gz",
                    29_515,
                    "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
                ),
                OfficialFile(
                    "t10k-images-idx3-ubyte.gz",
                    4_422_102,
                    "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
                ),
                OfficialFile(
                    "t10k-labels-idx1-ubyte.gz",
                    5_148,
                    "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
                ),
            ),
        ),
        "mnist": Official(
            folder="mnist",
            # The publishers' own server refuses downloads; this is the copy that TensorFlow's datasets use.
            url="https://storage.googleapis.com/cvdf-datasets/mnist/",
            mirror_setting="CONVSERVE_MNIST_URL",
            files=(
                OfficialFile(
                    "train-images-idx3-ubyte.gz",
                    9_912_422,
                    "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
                ),
                OfficialFile(
                    "train-labels-idx1-ubyte.gz",
                    28_881,
                    "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
                ),
                OfficialFile(
                    "t10k-images-idx3-ubyte.gz",
                    1_648_877,
                    "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
                ),
                OfficialFile(
                    "t10k-labels-idx1-ubyte.gz",
                    4_542,
                    "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
                ),
            ),
        ),
    }
)
