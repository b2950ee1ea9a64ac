"""Each public data set, built tiny: recognised, split, every degraded picture with its own clean one; and folders that are nearly one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from runtime.errors import ClearwayError, DataError, UsageError
from runtime.picture import Picture
from training.data.batches import load_pictures
from training.data.drawn_pictures import COUNT
from training.data.layouts import CLEAN_FOLDER, LAYOUTS
from training.data.recognise import recognise
from training.scoring.metrics import PROTOCOLS

SIDE = 16


def clean(scene: int) -> int:
    """Its level of grey: tens tell the scenes apart, ones a degraded picture from the clean one."""
    return 10 * scene


def bad(scene: int, version: int = 1) -> int:
    return 10 * scene + version


def both(scene: int, *, clean_left: bool) -> tuple[int, int]:
    """Side by side in one file."""
    return (clean(scene), bad(scene)) if clean_left else (bad(scene), clean(scene))


KINDS = (("", bad), ("no", clean))
SCORED_BY = {
    "y": (
        "Rain100L",
        "Rain100H",
        "rain-N with norain-N",
        "norain-Nx2 with norain-N",
        "Rain1200 (DID-MDN)",
        "Rain1400 (DDN)",
        "Rain12",
        "Rain800",
    ),
    "rounded-y": ("Rain200L", "Rain200H"),
    "spanet": ("SPA",),
    "rgb": ("RESIDE", "SOTS", "O-HAZE", "NYU or Make3D with depth"),
    "gopro": ("GoPro",),
    "text": ("text deblurring",),
    "div2k-hybrid": ("DIV2K hybrid",),
    "did-hy": ("DID-HY",),
    "sr-x4": ("Set5",),
    "bsd68": ("Set12", "BSD68"),
    "cbsd68": ("CBSD68", "Kodak"),
    None: ("DIV2K", "a pair of folders", "a folder of clean pictures"),
}
PROTOCOL = {layout: protocol for protocol, layouts in SCORED_BY.items() for layout in layouts}


@dataclass(frozen=True)
class Case:
    layout: str
    files: Mapping[str, int | tuple[int, int]]  # path, whose first part is the folder that is named → level, or levels side by side
    learned: str  # names
    held_out: str
    pairs: bool = True
    lines: Mapping[str, str] | None = None  # files of text


def _rain100(letter: str) -> tuple[Case, ...]:
    """As its authors hand it out to learn from and to test on, and as the collections of later papers have it."""
    name, train, test = f"Rain100{letter}", f"RainTrain{letter}", f"Rain100{letter}"
    two = (1, 2)
    return (
        Case(name, {f"{train}/{no}rain-{i}.png": level(i) for i in two for no, level in KINDS}, "rain-1 rain-2", ""),
        Case(
            name,
            {f"{test}/{folder}-{i}.png": level(i) for i in two for folder, level in (("rainy/rain", bad), ("norain", clean))},
            "",
            "rain-1 rain-2",
        ),
        Case(name, {f"{test}/{folder}/{i}.png": level(i) for i in two for folder, level in (("input", bad), ("target", clean))}, "", "1 2"),
    )


def _rain200(letter: str, word: str) -> tuple[Case, ...]:
    name = f"Rain200{letter}"
    return (
        Case(
            name,
            {
                f"{name}/train/rain/norain-1x2.png": bad(1),
                f"{name}/train/norain/norain-1.png": clean(1),
                f"{name}/test/rain/X2/norain-2x2.png": bad(2),
                f"{name}/test/norain/norain-2.png": clean(2),
            },
            "norain-1x2",
            "norain-2x2",
        ),
        Case(
            name,
            {
                f"both/rain_data_train_{word}/rain/X2/norain-1x2.png": bad(1),
                f"both/rain_data_train_{word}/norain/norain-1.png": clean(1),
                f"both/rain_data_test_{word}/rain/X2/norain-1x2.png": bad(2),
                f"both/rain_data_test_{word}/norain/norain-1.png": clean(2),
            },
            f"rain_data_train_{word}-norain-1x2",
            f"rain_data_test_{word}-norain-1x2",
        ),
    )


CASES = (
    *_rain100("L"),
    *_rain100("H"),
    *_rain200("L", "Light"),
    *_rain200("H", "Heavy"),
    Case(
        "Rain100H",
        {
            "Rain100H/train/rain-2.png": bad(2),
            "Rain100H/train/norain-2.png": clean(2),
            "Rain100H/test/rain-1.png": bad(1),
            "Rain100H/test/norain-1.png": clean(1),
        },
        "rain-2",
        "rain-1",
    ),
    Case(
        "Rain100H",
        {"Rain100H/rain_data_test_Heavy/rain/norain-1x2.png": bad(1), "Rain100H/rain_data_test_Heavy/norain/norain-1.png": clean(1)},
        "",
        "norain-1x2",
    ),
    Case("rain-N with norain-N", {"mine/rain-1.png": bad(1), "mine/norain-1.png": clean(1)}, "rain-1", ""),
    Case("norain-Nx2 with norain-N", {"mine/rain/norain-1x2.png": bad(1), "mine/norain/norain-1.png": clean(1)}, "norain-1x2", ""),
    Case(
        "Rain1200 (DID-MDN)",
        {
            "did/DID-MDN-training/Rain_Heavy/train2018new/1.jpg": both(1, clean_left=False),
            "did/DID-MDN-training/Rain_Light/train2018new/1.jpg": both(2, clean_left=False),
            "did/DID-MDN-test/1.jpg": both(3, clean_left=False),
        },
        "DID-MDN-training-Rain_Heavy-train2018new-1 DID-MDN-training-Rain_Light-train2018new-1",
        "DID-MDN-test-1",
    ),
    Case(
        "Rain1400 (DDN)",
        {
            "ddn/training/rainy_image/1_1.jpg": bad(1),
            "ddn/training/rainy_image/1_14.jpg": bad(1, 2),
            "ddn/training/ground_truth/1.jpg": clean(1),
            "ddn/testing/rainy_image/901_2.jpg": bad(2),
            "ddn/testing/ground_truth/901.jpg": clean(2),
        },
        "1_1 1_14",
        "901_2",
    ),
    Case("Rain12", {"Rain12/rainy/1.png": bad(1), "Rain12/groundtruth/1.png": clean(1)}, "", "1"),
    Case("Rain12", {"Rain12/input/001_in.png": bad(1), "Rain12/target/001_GT.png": clean(1)}, "", "001_in"),
    Case(
        "Rain800",
        {"rain800/training/1.jpg": both(1, clean_left=True), "rain800/test_syn/7.jpg": both(2, clean_left=True)},
        "1",
        "7",
    ),
    Case(
        "SPA",
        {
            "spa/real_world/001/a.png": bad(1),
            "spa/real_world_gt/001/a_gt.png": clean(1),
            "spa/test/b.png": bad(2),
            "spa/test/b_gt.png": clean(2),
        },
        "a",
        "b",
        lines={
            "spa/real_world.txt": "/real_world/001/a.png /real_world_gt/001/a_gt.png\n",
            "spa/real_test_1000.txt": "\ufeff./test/b.png ./test/b_gt.png\r\n",
        },
    ),
    Case(
        "SPA",
        {"spa/1/a.png": bad(1), "spa/1/gt.png": clean(1), "spa/2/a.png": bad(2), "spa/2/gt.png": clean(2)},
        "1-a 2-a",
        "",
        lines={"spa/real_world.txt": "1/a.png 1/gt.png\n2/a.png 2/gt.png\n"},
    ),
    Case(
        "SOTS",
        {"SOTS/outdoor/hazy/0001_0.8_0.2.jpg": bad(1), "SOTS/outdoor/gt/0001.png": clean(1), "SOTS/outdoor/gt/0002.png": clean(2)},
        "",
        "0001_0.8_0.2",
    ),
    Case(
        "SOTS",
        {
            "SOTS/indoor/hazy/1.png": bad(1),
            "SOTS/indoor/GT/1.png": clean(1),
            "SOTS/outdoor/hazy/1.png": bad(2),
            "SOTS/outdoor/GT/1.png": clean(2),
        },
        "",
        "indoor-1 outdoor-1",
    ),
    Case(
        "RESIDE",
        {
            "OTS/hazy/part1/1_0.8_0.2.jpg": bad(1),
            "OTS/hazy/part2/2_1_0.2.jpg": bad(2),
            "OTS/clear/1.jpg": clean(1),
            "OTS/clear/2.jpg": clean(2),
        },
        "1_0.8_0.2 2_1_0.2",
        "",
    ),
    Case(
        "RESIDE",
        {"ITS/hazy/1_1_0.9.png": bad(1), "ITS/hazy/1_2_0.7.png": bad(1, 2), "ITS/clear/1.png": clean(1), "ITS/clear/9.png": clean(9)},
        "1_1_0.9 1_2_0.7",
        "",
    ),
    Case(
        "O-HAZE",
        {
            "O-HAZE/hazy/35_outdoor_hazy.jpg": bad(1),
            "O-HAZE/GT/35_outdoor_GT.jpg": clean(1),
            "O-HAZE/hazy/36_outdoor_hazy.jpg": bad(2),
            "O-HAZE/GT/36_outdoor_GT.jpg": clean(2),
        },
        "35_outdoor_hazy",
        "36_outdoor_hazy",
    ),
    Case(
        "NYU or Make3D with depth",
        {"nyu/rgb/1.png": clean(1), "nyu/rgb/2.png": clean(2), "nyu/depth/1.png": 200, "nyu/depth/2.png": 100},
        "2",
        "1",
        pairs=False,
    ),
    Case(
        "GoPro",
        {
            "GoPro/train/GOPR0372_07_00/blur/000047.png": bad(1),
            "GoPro/train/GOPR0372_07_00/sharp/000047.png": clean(1),
            "GoPro/train/GOPR0372_07_01/blur/000047.png": bad(2),
            "GoPro/train/GOPR0372_07_01/sharp/000047.png": clean(2),
            "GoPro/test/GOPR0384_11_00/blur/000001.png": bad(3),
            "GoPro/test/GOPR0384_11_00/sharp/000001.png": clean(3),
        },
        "train-GOPR0372_07_00-000047 train-GOPR0372_07_01-000047",
        "test-GOPR0384_11_00-000001",
    ),
    Case(
        "text deblurring",
        {f"text/{number:07}_{kind}.png": level for number in (1, 2) for kind, level in (("blur", bad(number)), ("orig", clean(number)))},
        "0000002_blur",
        "0000001_blur",
    ),
    Case(
        "DIV2K hybrid",
        {
            f"hybrid/{kind}_{end}/1_{end}.png": level(scene)
            for scene, kind in enumerate(("mild", "moderate", "severe"), start=1)
            for end, level in (("in", bad), ("gt", clean))
        },
        "",
        "mild-1_in moderate-1_in severe-1_in",
    ),
    Case(
        "DIV2K",
        {"DIV2K/DIV2K_train_HR/0750.png": clean(1), "DIV2K/DIV2K_train_HR/0751.png": clean(2), "DIV2K/DIV2K_valid_HR/0801.png": clean(3)},
        "0750",
        "0751 0801",
        pairs=False,
    ),
    Case(
        "DID-HY",
        {
            "DID-HY/train/input/1.png": bad(1),
            "DID-HY/train/target/1.png": clean(1),
            "DID-HY/test/input/2.png": bad(2),
            "DID-HY/test/target/2.png": clean(2),
        },
        "1",
        "2",
    ),
    Case("Set5", {f"Set5/{name}.png": clean(len(name)) for name in ("baby", "bird", "butterfly")}, "", "baby bird butterfly", pairs=False),
    Case("Set5", {"Set5/GTmod12/woman.png": clean(1), "Set5/LRbicx4/woman.png": bad(1)}, "", "woman", pairs=False),
    Case(
        "Set5",
        {f"Set5/image_SRF_{scale}/img_001_SRF_{scale}_{end}.png": clean(scale) for scale in (2, 3, 4) for end in ("HR", "LR")},
        "",
        "img_001_SRF_4_HR",
        pairs=False,
    ),
    Case("Set12", {"Set12/01.png": clean(1), "Set12/02.png": clean(2)}, "", "01 02", pairs=False),
    Case("CBSD68", {"CBSD68/original_png/0000.png": clean(1), "CBSD68/noisy25/0000.png": bad(1)}, "", "0000", pairs=False),
    Case("BSD68", {"BSD68/test001.png": clean(1), "BSD68/test002.png": clean(2)}, "", "test001 test002", pairs=False),
    Case("Kodak", {"photos/kodim01.png": clean(1), "photos/kodim02.png": clean(2)}, "", "kodim01 kodim02", pairs=False),
    Case(
        "a pair of folders",
        {f"pairs/{kind}/{scene:02}.png": level for scene in range(1, 14) for kind, level in (("haze", bad(scene)), ("gt", clean(scene)))},
        " ".join(f"{number:02}" for number in range(2, 13)),
        "01 13",
    ),
    Case(
        "a pair of folders",
        {
            f"pairs/{folder}/{name}.png": level(scene)
            for scene, name in enumerate(("test-1", "a"), start=1)
            for folder, level in (("rain", bad), ("clean", clean))
        },
        "a",
        "test-1",
    ),
    Case(
        "a pair of folders",
        {
            "mine/train/input/1.png": bad(1),
            "mine/train/gt/1.png": clean(1),
            "mine/testing/input/1.png": bad(2),
            "mine/testing/gt/1.png": clean(2),
        },
        "train-1",
        "testing-1",
    ),
    Case(
        "a folder of clean pictures",
        {f"photos/{number:02}.png": clean(number) for number in range(1, 14)},
        " ".join(f"{number:02}" for number in range(2, 13)),
        "01 13",
        pairs=False,
    ),
    Case(
        "a folder of clean pictures",
        {"holiday/beach.png": clean(1), "holiday/bird.png": clean(2), "holiday/kodim01.png": clean(3)},
        "bird kodim01",
        "beach",
        pairs=False,
    ),
)


def _level(picture: Picture) -> int:
    assert picture.shape == (SIDE, SIDE, 3)
    return round(float(picture.mean()))


def _level_of_file(files: Mapping[str, int | tuple[int, int]], name: str) -> int | tuple[int, int]:
    """Of the first clean one that is called so."""
    return next(level for path, level in files.items() if Path(path).stem == name and "/depth/" not in path)


def _built(root: Path, files: Mapping[str, int | tuple[int, int]], lines: Mapping[str, str] | None = None) -> Path:
    for name, level in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        levels = level if isinstance(level, tuple) else (level,)
        parts = [np.full((SIDE, SIDE, 3), one, np.uint8) for one in levels]
        picture = parts[0][..., 0].astype(np.uint16) * 100 if "/depth/" in name else np.hstack(parts)
        cv2.imwrite(str(path), picture)
    for name, text in (lines or {}).items():
        (root / name).write_text(text)
    return root / next(iter(files)).split("/")[0]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.layout}-{next(iter(case.files)).split('/')[0]}")
def test_a_data_set_is_recognised_split_and_paired(case: Case, tmp_path: Path) -> None:
    folder = _built(tmp_path, case.files, case.lines)
    (found,) = recognise(folder)
    assert found.layout.name == case.layout
    pictures = load_pictures([folder])
    learned, held_out = (pictures.pairs, pictures.held_out_pairs) if case.pairs else (pictures.clean, pictures.held_out)
    assert (" ".join(learned.names), " ".join(held_out.names)) == (case.learned, case.held_out)
    assert pictures.protocol == PROTOCOL[case.layout]
    pairs = [*pictures.pairs, *pictures.held_out_pairs]
    levels = [(_level(pair.degraded), _level(pair.clean)) for pair in pairs]
    assert all(truth == clean(truth // 10) and truth < degraded < truth + 10 for degraded, truth in levels)
    assert len(set(levels)) == len(levels)
    for gallery in (pictures.clean, pictures.held_out):
        assert [_level(picture) for picture in gallery] == [_level_of_file(case.files, name) for name in gallery.names]


def test_every_layout_is_built_here_and_scored_by_a_protocol_that_exists() -> None:
    assert {layout.name for layout in (*LAYOUTS, CLEAN_FOLDER)} == {case.layout for case in CASES} == set(PROTOCOL)
    assert set(SCORED_BY) - {None} <= set(PROTOCOLS)


def test_several_data_sets_in_one_folder_are_all_found(tmp_path: Path) -> None:
    _built(tmp_path / "all", {"Set5/baby.png": clean(1), "SOTS/hazy/1_1.png": bad(1), "SOTS/gt/1.png": clean(1)})
    assert {found.layout.name for found in recognise(tmp_path / "all")} == {"Set5", "SOTS"}


@pytest.mark.parametrize("suffix", ["png", "npy"])
def test_depth_is_known_with_its_picture_and_its_farthest_point_is_one(suffix: str, tmp_path: Path) -> None:
    _built(tmp_path, {f"nyu/rgb/{number}.png": clean(number) for number in (1, 2)})
    far = np.full((SIDE // 2, SIDE // 2), 4_000, np.uint16)  # coarser than the picture, as Make3D's
    far[:, 0], far[0, -1] = 1_000, 0  # and unknown in a corner
    (tmp_path / "nyu/depth").mkdir()
    for number in (1, 2):
        path = tmp_path / f"nyu/depth/{number}.{suffix}"
        if suffix == "png":
            cv2.imwrite(str(path), far)
        else:
            np.save(path, far.astype(np.float64) / 1_000)
    depth = load_pictures([tmp_path / "nyu"]).clean.depth(0)
    assert depth is not None
    assert depth.shape == (SIDE, SIDE)
    assert (depth[4, 0], depth[4, -1], depth[0, -1]) == (0.25, 1.0, 1.0)


@pytest.mark.parametrize(
    "depth",
    [
        np.full((SIDE, SIDE), -1.0),
        np.ones((SIDE, SIDE, 3)),
        np.zeros((SIDE, SIDE)),
        np.full((SIDE, SIDE), np.nan),
        np.zeros((0, SIDE)),
        np.full((SIDE, SIDE), "far"),
    ],
    ids=["negative", "three channels", "unknown all over", "not a number", "empty", "text"],
)
def test_a_depth_that_is_none_is_refused(depth: NDArray[Any], tmp_path: Path) -> None:
    folder = _built(tmp_path, {"nyu/rgb/1.png": clean(1)})
    (folder / "depth").mkdir()
    np.save(folder / "depth" / "1.npy", depth)
    with pytest.raises(DataError, match=r"1\.npy: expected one channel of depths, none below zero and not all zero"):
        load_pictures([folder]).held_out.fill()
    (folder / "depth" / "1.npy").write_bytes(b"")
    with pytest.raises(DataError, match=r"1\.npy: expected an array of depths, got what cannot be read"):
        load_pictures([folder]).held_out.fill()
    (folder / "depth" / "1.npy").unlink()
    cv2.imwrite(str(folder / "depth" / "1.png"), np.full((SIDE, SIDE, 3), 9, np.uint8))
    with pytest.raises(DataError, match=r"1\.png: expected one channel of depths"):
        load_pictures([folder]).held_out.fill()


def test_the_kernel_of_a_text_picture_is_its_own(tmp_path: Path) -> None:
    folder = _built(tmp_path, {f"text/{number}_{kind}.png": clean(number) for number in (1, 2) for kind in ("blur", "orig")})
    point = np.zeros((3, 3), np.uint8)
    point[0, 1] = 255
    cv2.imwrite(str(folder / "2_psf.png"), point)
    pictures = load_pictures([folder])
    ((with_kernel,), (without,)) = pictures.pairs, pictures.held_out_pairs
    assert with_kernel.kernel is not None
    np.testing.assert_array_equal(with_kernel.kernel, point[::-1, ::-1] / 255)
    assert without.kernel is None


def test_a_data_set_that_is_linked_here_goes_by_its_names_here(tmp_path: Path) -> None:
    """A test folder whose pictures lie elsewhere must not be learned from."""
    for scene, disk in enumerate(("a7", "b3"), start=1):
        _built(tmp_path, {f"{disk}/rain/norain-{scene}x2.png": bad(scene), f"{disk}/norain/norain-{scene}.png": clean(scene)})
    (tmp_path / "Rain200H").mkdir()
    for part, disk in (("train", "a7"), ("test", "b3")):
        (tmp_path / "Rain200H" / part).symlink_to(tmp_path / disk)
    pictures = load_pictures([tmp_path / "Rain200H"])
    assert (pictures.pairs.names, pictures.held_out_pairs.names) == (("norain-1x2",), ("norain-2x2",))
    (tmp_path / "Rain100L").symlink_to(tmp_path / "a7")
    (found,) = recognise(tmp_path / "Rain100L")
    assert found.layout.name == "Rain100L"


def test_where_nothing_is_held_out_that_is_said(tmp_path: Path) -> None:
    (found,) = recognise(_built(tmp_path, {"mine/rain-1.png": bad(1), "mine/norain-1.png": clean(1)}))
    assert found.described == "1 pairs (rain-N with norain-N), nothing held out"


def test_pictures_are_drawn_where_there_are_none() -> None:
    pictures = load_pictures([Path("drawn:13")], smallest=SIDE)
    assert (len(pictures.clean), len(pictures.held_out)) == (11, 2)
    assert pictures.described == ("drawn: 13 drawn pictures, every 12th held out",)
    np.testing.assert_array_equal(pictures.clean[1], load_pictures([Path("drawn:13")]).clean[1])
    assert len(load_pictures([Path("drawn")]).clean) == COUNT - COUNT // 12
    for asked, came in (("drawn:1", "1"), ("drawn:x", "x"), ("drawn:", "nothing")):
        with pytest.raises(UsageError, match=f"N of 2 or more, got {came}"):
            load_pictures([Path(asked)])


RAIN100 = {"Rain100L/rainy/rain-1.png": bad(1), "Rain100L/norain-1.png": clean(1)}


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({**RAIN100, "Rain100L/rainy/rain-2.png": bad(2)}, "rain-2.png: expected a clean picture called norain-2"),
        ({**RAIN100, "Rain100L/norain-2.png": clean(2)}, "norain-2.png: expected a degraded picture of it"),
        ({"p/rain/1.png": bad(1), "p/clean/1.png": clean(1), "p/clean/1.bmp": clean(1)}, "expected one clean picture of that name"),
        ({"p/rain/1.png": bad(1), "p/rain/1.bmp": bad(1), "p/clean/1.png": clean(1)}, "expected one degraded picture of that name"),
        (
            {"h/mild_in/1_in.png": bad(1), "h/mild_gt/1_gt.png": clean(1), "h/severe_in/1_in.png": bad(2)},
            "severe_in: expected a folder severe_gt with pictures beside it",
        ),
        (
            {"nyu/rgb/1.png": clean(1), "nyu/rgb/2.png": clean(2), "nyu/depth/1.png": 9},
            r"2.png: expected its depth 2.png \(16 bits\)",
        ),
        ({"nyu/rgb/1.png": clean(1), "nyu/depth/1.png": 0}, "none below zero and not all zero"),
    ],
)
def test_a_folder_that_is_nearly_a_data_set_is_told_what_it_lacks(files: Mapping[str, int], says: str, tmp_path: Path) -> None:
    folder = _built(tmp_path, files)
    with pytest.raises(DataError, match=says):
        load_pictures([folder]).held_out.fill()


def test_a_folder_of_something_else_is_told_what_is_known_and_what_came(tmp_path: Path) -> None:
    (tmp_path / "notes" / "old").mkdir(parents=True)
    (tmp_path / "notes" / "todo.txt").write_text("rain")
    with pytest.raises(DataError, match=r"Rain100L, Rain100H, .* the folder old and 1 file \(todo.txt\); docs/data.md"):
        load_pictures([tmp_path / "notes"])
    with pytest.raises(DataError, match="got an empty folder"):
        load_pictures([tmp_path / "notes" / "old"])
    with pytest.raises(ClearwayError, match="nowhere: expected a folder of pictures"):
        load_pictures([tmp_path / "nowhere"])


def test_a_list_of_pairs_is_read_line_by_line(tmp_path: Path) -> None:
    folder = _built(tmp_path, {"spa/a.png": bad(1)}, {"spa/real_world.txt": "\na.png\n"})
    with pytest.raises(DataError, match=r"real_world.txt, line 2: expected the paths of a rainy and a clean picture, got 'a.png'"):
        load_pictures([folder])
    (folder / "real_world.txt").write_text("a.png gone.png\n")
    with pytest.raises(ClearwayError, match=r"spa/gone\.png: expected a picture, but it cannot be read \(No such file"):
        load_pictures([folder])
    (folder / "real_world.txt").write_bytes(b"a.png \xff.png\n")
    with pytest.raises(DataError, match=r"real_world.txt: expected a list of pictures in UTF-8"):
        load_pictures([folder])


def test_two_pictures_in_a_file_need_an_even_width(tmp_path: Path) -> None:
    folder = _built(tmp_path, {"rain800/training/1.png": both(1, clean_left=True), "rain800/test_syn/1.png": both(1, clean_left=True)})
    cv2.imwrite(str(folder / "training" / "1.png"), np.zeros((SIDE, 2 * SIDE + 1, 3), np.uint8))
    with pytest.raises(DataError, match="an even width, got 33"):
        load_pictures([folder])


def test_a_file_that_is_cut_off_is_named(tmp_path: Path) -> None:
    folder = _built(tmp_path, {f"photos/{number}.png": clean(number) for number in (1, 2)})
    whole = (folder / "2.png").read_bytes()
    (folder / "2.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ClearwayError, match=r"2\.png: .*a whole picture .*something else, damaged or cut off"):
        load_pictures([folder])


def test_pairs_for_another_task_and_pictures_below_a_patch_are_refused(tmp_path: Path) -> None:
    folder = _built(tmp_path, {"mine/rain-1.png": bad(1), "mine/norain-1.png": clean(1)})
    with pytest.raises(DataError, match="expected pictures for the task dehaze, got rain-N with norain-N, which has pairs for derain"):
        load_pictures([folder], task="dehaze")
    load_pictures([folder], task="restore")
    with pytest.raises(DataError, match="rain-1: expected at least 32×32 pixels, the size of a patch, got 16×16"):
        load_pictures([folder], smallest=32)
