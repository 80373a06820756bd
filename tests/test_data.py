"""utils.data at the level of its users: pictures, splits, errors, and downloads that go wrong."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import pickle
import struct
import subprocess
import sys
import tarfile
import threading
import unicodedata
import warnings
from pathlib import Path

import numpy as np
import pytest
from fault_server import FaultServer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from utils.data import (
    SCRIPTS,
    STYLES,
    DataError,
    Part,
    benchmark,
    catalog,
    characters,
    download,
    load,
    scenes,
)

ROOT = Path(__file__).parent.parent
BENCHMARKS = ("mnist", "fashion-mnist", "cifar10")

# What the pinned versions draw; a change of pins or of the drawing code changes it, nothing else.
GLYPHS_SHA256 = "1e65947203d223f923b2ee677db33d91663865ecd7e249c62d3ba6a46b06a34d"
DIGITS_SHA256 = "830e84bc4678f8ef797799a990f709c4ff944a62afce177bc786877e3e51c384"
SCENES_SHA256 = "711d3eb73c054fec3cfeab735e51b7d13e2907942114bfa14975246e4045a12d"


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """Every test has an empty cache of its own and no COURSE_DATA."""
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("COURSE_DATA", raising=False)
    return tmp_path / "cache"


def python(code: str, **environment: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", code],
        cwd=ROOT,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen) -> str:
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    return out


# The type, the table, the names ------------------------------------------------------------------


def test_import_is_light():
    code = (
        "import sys, utils.data; "
        "print([m for m in ('torch', 'sklearn', 'matplotlib', 'requests') if m in sys.modules])"
    )
    assert finish(python(code)).strip() == "[]"


@pytest.mark.parametrize("name", ["glyphs", "digits"])
def test_documented_type(name):
    data = load(name)
    assert data.name == data.info.name == name
    for part in (data.train, data.val, data.test):
        x, y = part
        assert x is part.x and y is part.y and len(part) == len(x) == len(y)
        assert x.dtype == np.float32 and y.dtype == np.int64 and x.flags.c_contiguous
        assert 0 <= x.min() and x.max() <= 1 and x.max() > 0.9
        assert x.shape[1:] == ((1, 28, 28) if name == "glyphs" else (1, 8, 8))
        assert set(y) == set(range(len(data.classes)))
    assert data.classes == tuple("0123456789")
    assert f"{len(data.train):,} examples" in repr(data) and name in repr(data)
    assert all([data.info.description, data.info.source, data.info.license, data.info.citation])


def test_part_selects_rows():
    part = load("glyphs", n=50).train
    assert len(part[:10]) == 10 and (part[:10].meta["style"] == part.meta["style"][:10]).all()
    assert (part[part.y == 3].y == 3).all()
    with pytest.raises(TypeError, match=r"part\.x"):
        part[0]
    with pytest.raises(ValueError, match="expected 2 rows as in x, y has 3"):
        Part(np.zeros((2, 1)), np.zeros(3))


def test_catalog():
    text, html = repr(catalog()), catalog()._repr_html_()
    for name in ("glyphs", "digits", *BENCHMARKS):
        assert name in text and f">{name}</td>" in html
    assert html.count("<tr>") == 1 + len(catalog()) and "<script" not in html


MISTAKES = [
    (lambda: load("mnits"), "'mnits'", "'mnist'"),
    (lambda: load("Digits"), "'Digits'", "'digits'"),
    (lambda: load("glyphs", style="serif"), "'style'", "'styles'"),
    (lambda: load("digits", n=10), "takes no options", "n="),
    (lambda: load("glyphs", styles=["sans-bald"]), "'sans-bald'", "'sans-bold'"),
    (lambda: load("glyphs", styles=[]), "empty", "at least one"),
    (lambda: load("glyphs", test_styles="serrif"), "'serrif'", "'serif'"),
    (lambda: load("glyphs", test_styles=STYLES), "every style", "leave some"),
    (lambda: load("glyphs", script="Grek"), "'Grek'", "'Greek'"),
    (lambda: load("glyphs", script="Greek", category="LU"), "'LU'", "'Lu'"),
    (lambda: load("glyphs", script="Hebrew", category="Lu"), "no character", "another category"),
    (lambda: load("glyphs", chars="a一"), "CJK UNIFIED IDEOGRAPH-4E00", "none of the styles"),
    (lambda: load("glyphs", chars="א", styles="serif"), "HEBREW LETTER ALEF", "sans-regular"),
    (lambda: load("glyphs", chars="a b"), "SPACE", "no picture"),
    (lambda: load("glyphs", chars=["ab"]), "'ab'", "single characters"),
    (lambda: load("glyphs", chars=""), "empty", "at least one"),
    (lambda: load("glyphs", chars="a", script="Latin"), "either", "both"),
    (lambda: load("glyphs", size=3), "size", "from 4 to 512, given 3"),
    (lambda: load("glyphs", size=28.0), "whole number", "28.0"),
    (lambda: load("glyphs", n=0), "n:", "given 0"),
    (lambda: load("glyphs", jitter=-1), "jitter", "given -1"),
    (lambda: load("glyphs", noise=2), "noise", "from 0 to 1, given 2"),
    (lambda: load("glyphs", splits=(0.5, 0.5)), "splits", "three fractions"),
    (lambda: load("glyphs", splits=(0.5, 0.4, 0.4)), "splits", "sum to 1"),
    (lambda: scenes(objects=(1, 50)), "50 objects", "size of at least"),
    (lambda: scenes(objects=(3, 1)), "objects", "from 1 to 1, given 3"),
    (lambda: scenes(objects=3), "objects", "fewest, most"),
]


@pytest.mark.parametrize("mistake, said, advised", MISTAKES)
def test_mistakes_are_named(mistake, said, advised):
    with pytest.raises(ValueError) as error:
        mistake()
    assert said in str(error.value) and advised in str(error.value)


# Glyphs ------------------------------------------------------------------------------------------


def as_bytes(data) -> bytes:
    parts = (data.train, data.val, data.test)
    return b"".join(np.rint(p.x * 255).astype(np.uint8).tobytes() + p.y.tobytes() for p in parts)


CHECKSUM = """
import hashlib
from test_data import as_bytes, load
print(hashlib.sha256(as_bytes(load("glyphs", n=3000, chars="0123456789AgWЖΩ∫☺"))).hexdigest())
"""


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"NPY_DISABLE_CPU_FEATURES": "X86_V4 X86_V3 AVX512_ICL AVX512_SPR", "OMP_NUM_THREADS": "3"},
    ],
    ids=["this processor", "plain processor, three threads"],
)
def test_glyphs_are_the_same_bytes_everywhere(environment):
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    assert finish(python(CHECKSUM, PYTHONPATH=path, **environment)).strip() == GLYPHS_SHA256


def test_scenes_are_the_same_bytes_everywhere():
    made = scenes(50)
    data = made.images.tobytes() + "".join(made.captions).encode()
    assert hashlib.sha256(data).hexdigest() == SCENES_SHA256


def test_seed_decides():
    first, again, other = (load("glyphs", n=40, seed=s) for s in (1, 1, 2))
    assert as_bytes(first) == as_bytes(again) != as_bytes(other)


DRAWABLE = characters()
few = settings(max_examples=25, deadline=None, derandomize=True,
               suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip


@few
@given(
    chars=st.sets(st.sampled_from(DRAWABLE), min_size=1, max_size=8),
    size=st.integers(4, 50),
    n=st.integers(1, 60),
    jitter=st.floats(0, 3),
    seed=st.integers(0, 2**32),
)
def test_any_glyphs(chars, size, n, jitter, seed):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = load("glyphs", chars=sorted(chars), size=size, n=n, jitter=jitter, seed=seed)
    assert data.classes == tuple(sorted(chars))
    assert len(data.train) + len(data.val) + len(data.test) == n
    for part in (data.train, data.val, data.test):
        assert part.x.shape == (len(part), 1, size, size)
        counts = np.bincount(part.y, minlength=len(chars))
        assert counts.max() - counts.min() <= 1  # balanced
        if len(part):
            assert 0 <= part.x.min() and part.x.max() <= 1
    assert data.meta["names"] == tuple(unicodedata.name(c) for c in data.classes)


@few
@given(st.sets(st.sampled_from(STYLES), min_size=1), st.sampled_from(DRAWABLE))
def test_no_style_draws_what_it_lacks(styles, char):
    if char not in characters(styles=sorted(styles)):
        with pytest.raises(ValueError, match="none of the styles"):
            load("glyphs", chars=char, styles=sorted(styles))
        return
    data = load("glyphs", chars=char, styles=sorted(styles), n=40)
    assert set(data.meta["styles"]) == styles
    used = {data.meta["styles"][i] for i in data.train.meta["style"]}
    assert used == {s for s in styles if char in characters(styles=s)}


def test_clean_glyphs_are_centered_with_a_margin():
    chars = characters(("Greek", "Cyrillic"), "Lu", every_style=True)
    data = load("glyphs", chars=chars, n=12 * len(chars), jitter=0, splits=(1, 0, 0), size=32)
    for x in (data.train.x[:, 0].any(1), data.train.x[:, 0].any(2)):  # columns, rows with ink
        first, last = x.argmax(1), x.shape[1] - 1 - x[:, ::-1].argmax(1)
        assert x.any(1).all()  # no empty picture
        assert (abs(first + last - 31) <= 1).all() and (last - first).max() <= 0.86 * 32


def test_chars_by_script_and_category():
    greek = load("glyphs", script="greek", category="Lu", n=500)
    assert set("ΑΒΓΔΩ") <= set(greek.classes) and set(greek.meta["scripts"]) == {"Greek"}
    assert {unicodedata.category(c) for c in greek.classes} == {"Lu"}
    assert all(characters(script) for script in SCRIPTS)
    assert set("+<=∞") <= set(characters("Common", "Sm", every_style=True))
    assert len(characters(every_style=True)) > 2000


def test_styles_held_out():
    data = load("glyphs", chars="AB", n=400, test_styles="serif")
    named = [{data.meta["styles"][i] for i in p.meta["style"]} for p in (data.train, data.test)]
    assert named[1] == {s for s in STYLES if s.startswith("serif")}
    assert named[0] == set(STYLES) - named[1]


def test_leak_without_jitter_is_warned_of():
    with pytest.warns(UserWarning, match="same ones come up in training and in test"):
        load("glyphs", jitter=0, n=1000)


def test_jitter_changes_what_it_says():
    still = dict(chars="L", styles="sans-bold", n=300, splits=(1, 0, 0), jitter=0, size=48)
    plain = load("glyphs", **still).train.x
    assert (plain == plain[0]).all()
    grid = np.arange(48.0)

    def centers(x):
        return (x.sum(2) @ grid)[:, 0] / x.sum((1, 2, 3))

    moved = load("glyphs", **still, translation=0.1).train.x
    assert 4.5 < abs(centers(moved) - centers(plain)).max() <= 4.85  # 0.1 of 48 pixels
    zoomed = load("glyphs", **still, scale=0.3).train.x.sum((1, 2, 3)) / plain[0].sum()
    assert 0.45 < zoomed.min() < 0.55 and 1.6 < zoomed.max() < 1.75  # area: 0.7², 1.3²
    turned = load("glyphs", **still, rotation=180).train.x
    assert (turned[:, 0, :24].sum((1, 2)) > turned[:, 0, 24:].sum((1, 2))).mean() > 0.3
    noisy = load("glyphs", **still, noise=0.2).train.x
    gray = abs(plain - 0.5) < 0.1  # elsewhere noise is clipped at black or at white
    assert (noisy - plain)[gray].std() == pytest.approx(0.2, rel=0.05)


def test_cache_damaged_or_full(own_cache, monkeypatch):
    data = as_bytes(load("glyphs"))
    (file,) = (own_cache / "glyphs").iterdir()
    assert as_bytes(load("glyphs")) == data
    good = file.read_bytes()
    flipped = bytearray(good)
    flipped[len(good) // 2] ^= 1
    evil = io.BytesIO()
    np.savez(evil, x=np.array([Boom()], dtype=object))
    for damage in (bytes(flipped), good[:1000], b"", b"not an archive", evil.getvalue()):
        file.write_bytes(damage)
        with pytest.warns(UserWarning, match="damaged"):
            assert as_bytes(load("glyphs")) == data
        assert file.read_bytes() == good  # made anew
    file.unlink()
    monkeypatch.setattr(np, "savez", full_disk)
    with pytest.warns(UserWarning, match="No space left"):
        assert as_bytes(load("glyphs")) == data
    assert not list((own_cache / "glyphs").iterdir())


class Boom:
    def __reduce__(self):
        return pytest.fail, ("a pickle was loaded",)


def full_disk(*_, **__):
    raise OSError(28, "No space left on device")


# Scenes ------------------------------------------------------------------------------------------


@few
@given(
    st.integers(64, 128),
    st.integers(1, 6),
    st.sets(st.sampled_from(DRAWABLE), min_size=1, max_size=5),
    st.floats(0, 2),
    st.integers(0, 2**32),
)
def test_any_scene(size, most, chars, jitter, seed):
    made = scenes(4, size=size, objects=(1, most), chars=sorted(chars), jitter=jitter, noise=0,
                  seed=seed)  # fmt: skip
    assert made.images.shape == (4, 1, size, size) and made.images.dtype == np.float32
    for scene in made:
        count = len(scene.labels)
        assert 1 <= count <= most and scene.masks.shape == (count, size, size)
        assert scene.masks.sum(0).max() == 1  # no overlap
        assert (scene.image[0][scene.masks.any(0)] > 0).all()
        for mask, (x1, y1, x2, y2) in zip(scene.masks, scene.boxes, strict=True):
            rows, columns = np.nonzero(mask)
            assert (x1, y1) == (columns.min(), rows.min())  # the box fits the mask exactly
            assert (x2, y2) == (columns.max() + 1, rows.max() + 1)
        for k, label in enumerate(scene.labels):
            size_name = "large" if scene.large[k] else "small"
            assert f"a {size_name} {made.names[label]}" in scene.caption
        assert (np.diff(scene.boxes[:, 0] + scene.boxes[:, 2]) >= -4).all()  # left to right


def test_captions_are_true():
    """Every relation of a caption holds for the centers of the boxes."""
    for scene in scenes(200, objects=(2, 2)):
        (x1, y1), (x2, y2) = (scene.boxes[:, :2] + scene.boxes[:, 2:]) / 2
        relation = {"left of": x2 - x1, "above": y2 - y1, "below": y1 - y2}
        (said,) = [words for words in relation if f" {words} " in scene.caption]
        assert relation[said] == max(relation.values())
    corner = scenes(200, objects=(1, 1), size=90)
    for scene in corner:
        x, y = (scene.boxes[0, :2] + scene.boxes[0, 2:]) / 2
        assert ("left" in scene.caption.split(" at ")[1]) == (x < 30)
        assert ("bottom" in scene.caption.split(" at ")[1]) == (y >= 60)


# Digits ------------------------------------------------------------------------------------------


def test_digits_split_is_fixed_and_stratified():
    data = load("digits")
    parts = (data.train, data.val, data.test)
    assert [len(p) for p in parts] == [1168, 270, 359]
    labels = np.concatenate([p.y for p in parts])
    assert hashlib.sha256(labels.tobytes()).hexdigest() == DIGITS_SHA256
    for p in parts:
        assert abs(np.bincount(p.y) / len(p) - np.bincount(labels) / 1797).max() < 0.01
    assert len(np.unique(np.concatenate([p.x for p in parts]), axis=0)) == 1797  # nothing twice


# Benchmark sets from a folder --------------------------------------------------------------------


def idx(array: np.ndarray) -> bytes:
    head = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    return head + array.astype(np.uint8).tobytes()


def tiny_mnist(rng=None) -> dict[str, bytes]:
    """MNIST's four files with 4 training images and 1 test image of each class."""
    rng, files = np.random.default_rng(0), {}
    for name, n in (("train", 40), ("t10k", 10)):
        images, labels = rng.integers(0, 256, (n, 28, 28)), np.arange(n) % 10
        files[f"{name}-images-idx3-ubyte.gz"] = gzip.compress(idx(images), mtime=0)
        files[f"{name}-labels-idx1-ubyte.gz"] = gzip.compress(idx(labels), mtime=0)
    return files


def write(folder: Path, files: dict[str, bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


@pytest.fixture
def data_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(benchmark, "HELD_OUT", 1)
    return tmp_path / "data"


@pytest.mark.parametrize("packed", [True, False])
def test_mnist_from_a_folder(data_folder, packed):
    files = tiny_mnist()
    if not packed:
        files = {name.removesuffix(".gz"): gzip.decompress(d) for name, d in files.items()}
    write(data_folder / "MNIST/raw", files)
    data = load("mnist")
    assert [len(p) for p in (data.train, data.val, data.test)] == [30, 10, 10]
    assert data.val.y.tolist() == list(range(10))  # the last of each class


@pytest.mark.parametrize("name", BENCHMARKS)
def test_folder_without_the_set(data_folder, name):
    with pytest.raises(DataError, match="Looked for") as error:
        load(name)
    assert str(data_folder / benchmark.HOMES[name].folder) in str(error.value)
    assert "unset COURSE_DATA" in str(error.value)


@pytest.mark.parametrize(
    "damage",
    [
        lambda d: d[:-9],
        lambda d: d[:100],
        lambda d: b"",
        lambda d: gzip.compress(gzip.decompress(d)[:-1]),
        lambda d: gzip.compress(b"\x80\x04" + gzip.decompress(d)[2:]),
        lambda d: pickle.dumps(Boom()),
        lambda d: gzip.compress(idx(np.zeros((7, 28, 28)))),
    ],
    ids=["no end", "short", "empty", "one byte less", "wrong header", "pickle", "other count"],
)
def test_damaged_files_in_the_folder(data_folder, damage):
    files = tiny_mnist()
    files["train-images-idx3-ubyte.gz"] = damage(files["train-images-idx3-ubyte.gz"])
    write(data_folder / "MNIST/raw", files)
    with pytest.raises(DataError, match="anew"):
        load("mnist")


def tar(files: dict[str, bytes | tarfile.TarInfo]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, data in files.items():
            if isinstance(data, tarfile.TarInfo):
                archive.addfile(data)
            else:
                info = tarfile.TarInfo(name)
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def cifar_files() -> dict[str, bytes]:
    names = [f"data_batch_{i}.bin" for i in range(1, 6)] + ["test_batch.bin"]
    record = np.zeros((20, 3073), np.uint8)
    record[:, 0], record[:, 1:1025] = np.arange(20) % 10, 255  # red
    return {f"cifar-10-batches-bin/{name}": record.tobytes() for name in names}


def test_cifar_binary_archive(data_folder):
    write(data_folder / "cifar10", {"cifar-10-binary.tar.gz": tar(cifar_files())})
    data = load("cifar10")
    assert [len(p) for p in (data.train, data.val, data.test)] == [90, 10, 20]
    assert (data.test.x[:, 0] == 1).all() and (data.test.x[:, 1:] == 0).all()


def test_cifar_picture_folders(data_folder):
    picture = io.BytesIO()
    Image.new("RGB", (32, 32), (0, 255, 0)).save(picture, "JPEG")
    for name in benchmark.CIFAR_CLASSES:
        for part in ("train/{}/0.jpg", "train/{}/1.jpg", "test/{}/0.jpg"):
            write(data_folder / "cifar10", {part.format(name): picture.getvalue()})
    data = load("cifar10")
    assert data.test.y.tolist() == data.val.y.tolist() == list(range(10))
    assert (data.train.x[:, 1] > 0.98).all() and (data.train.x[:, 0] < 0.02).all()


def link(name: str, target: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = tarfile.SYMTYPE, target
    return info


@pytest.mark.parametrize(
    "extra",
    [{"../evil": b"x"}, {"/evil": b"x"}, {"a/../../evil": b"x"}, {"C:\\evil": b"x"},
     {"link": link("link", "/etc/passwd")}],
    ids=["parent", "absolute", "inside out", "drive", "link"],
)  # fmt: skip
def test_archive_that_points_outside(data_folder, extra):
    write(data_folder / "cifar10", {"cifar-10-binary.tar.gz": tar(cifar_files() | extra)})
    before = sorted(data_folder.parent.rglob("*"))
    with pytest.raises(DataError, match="refused"):
        load("cifar10")
    assert sorted(data_folder.parent.rglob("*")) == before


@pytest.mark.parametrize(
    "archive",
    [b"", tar(cifar_files())[:-50], tar({"x": b"y"}), b"garbage"],
    ids=["empty", "cut off", "other files", "garbage"],  # a gzip file's bytes hold the time
)
def test_archive_damaged(data_folder, archive):
    write(data_folder / "cifar10", {"cifar-10-binary.tar.gz": archive})
    with pytest.raises(DataError, match="is damaged"):
        load("cifar10")


SHARED = os.environ.get("COURSE_DATA", "")


@pytest.mark.skipif(
    not list(Path(SHARED or "/nonexistent").glob("MNIST/raw/train-images-idx3-ubyte*")),
    reason="COURSE_DATA is not set to a folder with MNIST",
)
def test_real_mnist(monkeypatch):
    monkeypatch.setenv("COURSE_DATA", SHARED)
    data = load("mnist")
    assert [len(p) for p in (data.train, data.val, data.test)] == [55_000, 5_000, 10_000]
    assert (np.bincount(data.val.y) == 500).all()
    assert np.bincount(data.test.y).tolist() == [
        980,
        1135,
        1032,
        1010,
        982,
        892,
        958,
        1028,
        974,
        1009,
    ]
    everything = np.concatenate([data.train.x, data.val.x])
    assert everything.mean() == pytest.approx(0.1307, abs=1e-4)  # known mean of the training images
    assert everything.std() == pytest.approx(0.3081, abs=1e-4)


# Downloads ---------------------------------------------------------------------------------------


@pytest.fixture
def server():
    server = FaultServer(tiny_mnist())
    yield server
    server.close()


@pytest.fixture
def mnist_at(server, monkeypatch):
    """Makes "mnist" live at the given addresses or faults of the server."""

    def place(*faults: str) -> None:
        mirrors = tuple(f if ":" in f else server.address(f) for f in faults)
        files = tuple(
            download.Remote(name, len(data), f"sha256:{hashlib.sha256(data).hexdigest()}")
            for name, data in server.files.items()
        )
        home = download.Home(mirrors, files, "MNIST/raw")
        monkeypatch.setitem(benchmark.HOMES, "mnist", home)

    monkeypatch.setattr(benchmark, "HELD_OUT", 1)
    monkeypatch.setattr(download, "TIMEOUT", (1, 1))
    return place


NOWHERE = "http://127.0.0.1:9/"  # nothing listens there
DOWNLOAD_FAULTS = [
    (NOWHERE, "no connection"),
    ("missing", "the server answered 404"),
    ("error", "the server answered 500"),
    ("silent", "no answer within 1 s"),
    ("stall", "no answer within 1 s"),
    ("truncated", "the transfer broke off after"),
    ("corrupt", "wrong checksum"),
    ("page", "bytes, the server has"),
    ("long", "bytes, the server has"),
]


@pytest.mark.parametrize("fault, said", DOWNLOAD_FAULTS)
def test_download_faults(mnist_at, server, own_cache, fault, said):
    """One clear error, no bad file, the good one kept; and then the next address is tried."""
    name, data = list(server.files.items())[-1]
    write(own_cache / "mnist", {name: data})
    mnist_at(fault)
    with pytest.raises(DataError) as error:
        load("mnist")
    for words in (said, "COURSE_DATA", "run this again", "MNIST/raw", 'load("glyphs")'):
        assert words in str(error.value)
    assert error.value.__cause__ is None  # no chain of tracebacks
    assert error.value.__suppress_context__ or error.value.__context__ is None
    left = {p.name for p in (own_cache / "mnist").iterdir()} - {"download.lock"}
    assert {n for n in left if not n.endswith(".part")} == {name}
    assert (own_cache / "mnist" / name).read_bytes() == data
    mnist_at(fault, "good")
    assert len(load("mnist").train) == 30
    assert not list((own_cache / "mnist").glob("*.part"))


def test_size_is_announced_and_files_are_kept(mnist_at, server, capsys):
    mnist_at("good")
    load("mnist")
    said = capsys.readouterr().err
    assert said.startswith("Downloading mnist: 0.0 MB to ") and "100%" in said
    server.log.clear()
    mnist_at(NOWHERE)
    load("mnist")
    assert not server.log and not capsys.readouterr().err


def test_a_broken_transfer_goes_on_where_it_stopped(mnist_at, server):
    mnist_at("cut")
    assert len(load("mnist").train) == 30
    name = "train-images-idx3-ubyte.gz"
    size = len(server.files[name])
    starts = [start for _, asked, start in server.log if asked == name]
    assert starts == [0, size * 2 // 5, 2 * (size * 2 // 5)]


@pytest.mark.parametrize("fault", ["good", "no-range"])
@pytest.mark.parametrize("left", ["beginning", "garbage", "too much"])
def test_what_an_earlier_run_left(mnist_at, server, own_cache, fault, left):
    name, data = next(iter(server.files.items()))
    part = {"beginning": data[:5000], "garbage": bytes(5000), "too much": bytes(len(data) + 1)}
    write(own_cache / "mnist", {f"{name}.part": part[left]})
    mnist_at(fault)
    assert len(load("mnist").train) == 30
    asked = [start for _, file, start in server.log if file == name]
    whole_again = left == "garbage" and fault == "good"  # only the checksum can tell
    assert asked == {"too much": [0]}.get(left, [5000, 0] if whole_again else [5000])


def test_damaged_file_in_the_cache_is_replaced(mnist_at, server, own_cache):
    write(own_cache / "mnist", server.files | {"train-labels-idx1-ubyte.gz": b"damaged"})
    mnist_at("good")
    assert len(load("mnist").train) == 30
    assert [file for _, file, _ in server.log] == ["train-labels-idx1-ubyte.gz"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_disk_full_while_writing(mnist_at, own_cache):
    mnist_at("good")
    (own_cache / "mnist").mkdir(parents=True)
    (own_cache / "mnist" / "train-images-idx3-ubyte.gz.part").symlink_to("/dev/full")
    with pytest.raises(DataError, match="the disk is full") as error:
        load("mnist")
    assert "COURSE_CACHE" in str(error.value)
    assert {p.name for p in (own_cache / "mnist").iterdir()} == {"download.lock"}
    assert len(load("mnist").train) == 30


def test_disk_too_small_is_said_before_downloading(mnist_at, server, monkeypatch):
    mnist_at("good")
    usage = download.shutil.disk_usage("/")._replace(free=10)
    monkeypatch.setattr(download.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(DataError, match="the disk is full"):
        load("mnist")
    assert not server.log


def test_cache_that_cannot_be_made(mnist_at, own_cache):
    own_cache.write_text("a file where the folder should be")
    mnist_at("good")
    with pytest.raises(DataError, match="cannot be written"):
        load("mnist")


TOGETHER = """
import sys
from utils.data import benchmark, download, load
benchmark.HELD_OUT = 1
files = tuple(download.Remote(*file) for file in {files})
benchmark.HOMES["mnist"] = download.Home(({mirror!r},), files, "MNIST/raw")
print(len(load("mnist").train))
"""


def test_two_processes_at_once(server):
    files = [
        (n, len(d), f"sha256:{hashlib.sha256(d).hexdigest()}") for n, d in server.files.items()
    ]
    code = TOGETHER.format(files=files, mirror=server.address("slow"))
    processes = [python(code) for _ in range(2)]
    assert [finish(p).strip() for p in processes] == ["30", "30"]
    assert len(server.log) == len(files)  # every file was fetched once


def test_two_threads_draw_the_same_glyphs():
    results = []
    threads = [threading.Thread(target=lambda: results.append(as_bytes(load("glyphs"))))
               for _ in range(2)]  # fmt: skip
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 2 and results[0] == results[1]
