"""Benchmark sets: read from the folder ``COURSE_DATA`` when it is set, else downloaded once.

Nothing is unpickled and no archive is unpacked to disk: archives are read in memory.
"""

from __future__ import annotations

import gzip
import io
import lzma
import os
import struct
import tarfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

import numpy as np

from .core import DataError, Dataset, Info, Part, to_unit
from .download import Home, Remote, fetch

HELD_OUT = 500  # training images of each class that form the validation part

MNIST = Info(
    name="mnist",
    description="70,000 handwritten digits, 28×28, gray",
    source="http://yann.lecun.com/exdb/mnist/",
    license="CC BY-SA 3.0",
    size="12 MB download",
    citation="Y. LeCun, L. Bottou, Y. Bengio, P. Haffner (1998). Gradient-based learning applied "
    "to document recognition. Proceedings of the IEEE 86(11)",
    classes="10",
    builtin=False,
)
FASHION_MNIST = Info(
    name="fashion-mnist",
    description="70,000 pictures of clothing, 28×28, gray; a drop-in for MNIST, and harder",
    source="https://github.com/zalandoresearch/fashion-mnist",
    license="MIT",
    size="31 MB download",
    citation="H. Xiao, K. Rasul, R. Vollgraf (2017). Fashion-MNIST: a novel image dataset for "
    "benchmarking machine learning algorithms. arXiv:1708.07747",
    classes="10",
    builtin=False,
)
CIFAR10 = Info(
    name="cifar10",
    description="60,000 photos of animals and vehicles, 32×32, color",
    source="https://www.cs.toronto.edu/~kriz/cifar.html",
    license="not stated by the authors; cite the report",
    size="170 MB download",
    citation="A. Krizhevsky (2009). Learning multiple layers of features from tiny images. "
    "Technical report, University of Toronto",
    classes="10",
    builtin=False,
)

FASHION_CLASSES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt",
                   "Sneaker", "Bag", "Ankle boot")  # fmt: skip
CIFAR_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship",
                 "truck")  # fmt: skip


HOMES = {
    "mnist": Home(
        mirrors=(
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
            "http://yann.lecun.com/exdb/mnist/",
        ),
        files=(
            Remote("train-images-idx3-ubyte.gz", 9_912_422, "md5:f68b3c2dcbeaaa9fbdd348bbdeb94873"),
            Remote("train-labels-idx1-ubyte.gz", 28_881, "md5:d53e105ee54ea40749a09fcbcd1e9432"),
            Remote("t10k-images-idx3-ubyte.gz", 1_648_877, "md5:9fb629c4189551a2d022fa330f9573f3"),
            Remote("t10k-labels-idx1-ubyte.gz", 4_542, "md5:ec29112dd5afa0611ce80d1b7f02629c"),
        ),
        folder="MNIST/raw",
    ),
    "fashion-mnist": Home(
        mirrors=(
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
            "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
        ),
        files=(
            Remote(
                "train-images-idx3-ubyte.gz", 26_421_880, "md5:8d4fb7e6c68d591d4c3dfef9ec88bf0d"
            ),
            Remote("train-labels-idx1-ubyte.gz", 29_515, "md5:25c81989df183df01b3e8a0aad5dffbe"),
            Remote("t10k-images-idx3-ubyte.gz", 4_422_102, "md5:bef4ecab320f06d8554ea6380940ec79"),
            Remote("t10k-labels-idx1-ubyte.gz", 5_148, "md5:bb300cfdad3c16e7a12a480ee83cd310"),
        ),
        folder="FashionMNIST/raw",
    ),
    "cifar10": Home(
        mirrors=("https://www.cs.toronto.edu/~kriz/",),
        files=(
            Remote("cifar-10-binary.tar.gz", 170_052_171, "md5:c32a1d4ab5d03f1284b67883e8d87530"),
        ),
        folder="cifar10",
    ),
}


def mnist() -> Dataset:
    """MNIST: x (N, 1, 28, 28), classes "0" to "9"; 55,000 / 5,000 / 10,000 pictures.

    Validation: of each class the last 500 training images in file order. Test: the official one.
    """
    return _idx_dataset(MNIST, tuple("0123456789"))


def fashion_mnist() -> Dataset:
    """Fashion-MNIST: x (N, 1, 28, 28), ten kinds of clothing; split like `mnist`."""
    return _idx_dataset(FASHION_MNIST, FASHION_CLASSES)


def cifar10() -> Dataset:
    """CIFAR-10: x (N, 3, 32, 32), red, green, blue; 45,000 / 5,000 / 10,000 pictures.

    Validation: of each class the last 500 training images in file order. Test: the official one.
    In ``COURSE_DATA/cifar10`` it may lie as the official binary archive, or as JPEG files in
    folders ``train/<class>/`` and ``test/<class>/``, unpacked or in cifar10-jpeg.tar.xz. The
    archive made for Python holds pickles, which can run code, and is not read.
    """
    return _split(CIFAR10, CIFAR_CLASSES, *_read_cifar())


def _split(
    info: Info,
    classes: tuple[str, ...],
    x: np.ndarray,
    y: np.ndarray,
    test_x: np.ndarray,
    test_y: np.ndarray,
) -> Dataset:
    """Parts from official training and test arrays: x uint8 (N, C, H, W), y int64 (N,)."""
    held = np.zeros(len(y), bool)
    for k in range(len(classes)):
        held[np.flatnonzero(y == k)[-HELD_OUT:]] = True
    return Dataset(
        info.name,
        Part(to_unit(x[~held]), y[~held]),
        Part(to_unit(x[held]), y[held]),
        Part(to_unit(test_x), test_y),
        classes,
        info,
    )


def _local_folder(name: str) -> Path | None:
    """The set's folder below COURSE_DATA, or None where that is not set."""
    root = os.environ.get("COURSE_DATA")
    return Path(root).expanduser() / HOMES[name].folder if root else None


def _missing(name: str, looked_for: list[Path]) -> DataError:
    files = "\n".join(f"  {path}" for path in looked_for)
    return DataError(
        f"{name} is not in COURSE_DATA ({os.environ['COURSE_DATA']}). Looked for:\n{files}\n"
        "What to do: put the files there, or unset COURSE_DATA to download them."
    )


# MNIST's format ----------------------------------------------------------------------------------


def _idx_dataset(info: Info, classes: tuple[str, ...]) -> Dataset:
    home, folder, paths = HOMES[info.name], _local_folder(info.name), []
    if folder is None:
        paths = fetch(info.name, home)
    else:
        for file in home.files:  # gzipped or not
            places = [folder / file.name.removesuffix(".gz"), folder / file.name]
            if not any(place.is_file() for place in places):
                raise _missing(info.name, places)
            paths.append(next(place for place in places if place.is_file()))
    x, y, test_x, test_y = map(read_idx, paths)
    for images, labels in ((x, y), (test_x, test_y)):
        if images.ndim != 3 or labels.shape != images.shape[:1] or labels.max() >= len(classes):
            raise DataError(
                f"{info.name}: images {images.shape} and labels {labels.shape} do not belong "
                "together.\nWhat to do: get the files anew."
            )
    return _split(info, classes, x[:, None], y.astype(np.int64), test_x[:, None],
                  test_y.astype(np.int64))  # fmt: skip


def read_idx(path: Path) -> np.ndarray:
    """The uint8 array in an IDX file, plain or gzipped; DataError where it is damaged."""
    try:
        data = path.read_bytes()
        if path.suffix == ".gz":
            data = gzip.decompress(data)
        zeros, kind, dimensions = struct.unpack_from(">HBB", data)
        shape = struct.unpack_from(f">{dimensions}I", data, 4)
    except (OSError, EOFError, zlib.error, struct.error) as error:
        raise _damaged(path, error) from None
    start = 4 + 4 * dimensions
    if (zeros, kind) != (0, 8) or not dimensions or len(data) - start != int(np.prod(shape)):
        raise _damaged(path, "its size and header do not agree")
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape)


def _refused(path: Path, why: str) -> DataError:
    return DataError(f"{path} is refused: {why}.\nWhat to do: get it from its official home.")


def _damaged(path: Path, why: object) -> DataError:
    return DataError(f"{path} is damaged ({why}).\nWhat to do: delete it and get it anew.")


# CIFAR-10's formats ------------------------------------------------------------------------------


def _read_cifar() -> tuple[np.ndarray, ...]:
    """x, y, test_x, test_y: uint8 (N, 3, 32, 32) and int64 (N,)."""
    archive = HOMES["cifar10"].files[0]
    folder = _local_folder("cifar10")
    if folder is None:
        return _cifar_binary(*fetch("cifar10", HOMES["cifar10"]))
    places = [folder / archive.name, folder / "train", folder / "cifar10-jpeg.tar.xz"]
    if places[0].is_file():
        return _cifar_binary(places[0])
    if places[1].is_dir():
        paths = sorted(folder.glob("*/*/*.jpg"))
        pictures = ((p.relative_to(folder).as_posix(), p.read_bytes()) for p in paths)
        return _cifar_jpeg(pictures, folder)
    if places[2].is_file():
        return _cifar_jpeg(sorted(members(places[2])), places[2])
    raise _missing("cifar10", places)


def _cifar_binary(path: Path) -> tuple[np.ndarray, ...]:
    """Records of one label byte and 3·32·32 color bytes, five training files and one test file."""
    rows = {}
    for name, data in members(path):
        if name.endswith(".bin"):
            if len(data) % 3073:
                raise _damaged(path, f"{name} has {len(data)} bytes, not a multiple of 3073")
            rows[PurePosixPath(name).name] = np.frombuffer(data, np.uint8).reshape(-1, 3073)
    names = [f"data_batch_{i}.bin" for i in range(1, 6)] + ["test_batch.bin"]
    if lacking := [name for name in names if name not in rows]:
        raise _damaged(path, f"it lacks {', '.join(lacking)}")
    train, test = np.concatenate([rows[name] for name in names[:-1]]), rows[names[-1]]
    arrays = []
    for records in (train, test):
        arrays += [records[:, 1:].reshape(-1, 3, 32, 32), records[:, 0].astype(np.int64)]
    return tuple(arrays)


def _cifar_jpeg(files: Iterable[tuple[str, bytes]], where: Path) -> tuple[np.ndarray, ...]:
    """Pictures named train/<class>/<file>.jpg and test/…, in sorted order."""
    from PIL import Image, UnidentifiedImageError

    x: dict[str, list] = {"train": [], "test": []}
    y: dict[str, list] = {"train": [], "test": []}
    for name, data in files:
        parts = PurePosixPath(name).parts
        if len(parts) < 3 or parts[-3] not in x or parts[-2] not in CIFAR_CLASSES:
            continue
        try:
            picture = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
        except (OSError, UnidentifiedImageError) as error:
            raise _damaged(where / name, error) from None
        if picture.shape != (32, 32, 3):
            raise _damaged(where / name, f"expected 32×32 pixels, found {picture.shape[:2]}")
        x[parts[-3]].append(picture)
        y[parts[-3]].append(CIFAR_CLASSES.index(parts[-2]))
    if not x["train"] or not x["test"]:
        raise _damaged(where, "no pictures in train/<class>/ and test/<class>/")
    arrays = []
    for part in ("train", "test"):
        arrays += [np.stack(x[part]).transpose(0, 3, 1, 2), np.array(y[part], np.int64)]
    return tuple(arrays)


def members(path: Path) -> Iterator[tuple[str, bytes]]:
    """Names and contents of the files in a tar archive, one after the other.

    Nothing is written to disk. An archive with a path outside its own folder, or with anything
    but files and folders in it, is refused.
    """
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                name = PurePosixPath(member.name.replace("\\", "/"))
                if name.is_absolute() or ".." in name.parts or ":" in member.name:
                    raise _refused(path, f"{member.name!r} points outside its folder")
                if member.isdir():
                    continue
                if not member.isfile():
                    raise _refused(path, f"{member.name!r} is neither a file nor a folder")
                yield name.as_posix(), archive.extractfile(member).read()
    except (OSError, EOFError, tarfile.TarError, zlib.error, lzma.LZMAError) as error:
        raise _damaged(path, error) from None
