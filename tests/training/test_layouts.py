"""Each public data set, built tiny: recognised, split, every degraded picture with its own clean one; and folders that are nearly one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest

from runtime.errors import ClearwayError, DataError, UsageError
from training.data import load_pictures
from training.drawn_pictures import COUNT
from training.layouts import LAYOUTS
from training.metrics import PROTOCOLS
from training.recognise import recognise

SIDE = 16


def clean(scene: int) -> int:
    """Its level of grey: tens tell the scenes apart, ones a degraded picture from the clean one."""
    return 10 * scene


def bad(scene: int, version: int = 1) -> int:
    return 10 * scene + version


def both(scene: int, *, clean_left: bool) -> tuple[int, int]:
    """Side by side in one file."""
    return (clean(scene), bad(scene)) if clean_left else (bad(scene), clean(scene))


@dataclass(frozen=True)
class Case:
    layout: str
    files: Mapping[str, int | tuple[int, int]]  # path, whose first part is the folder that is named → level, or levels side by side
    learned: str  # names
    held_out: str
    pairs: bool = True
    lines: Mapping[str, str] | None = None  # files of text


CASES = (
    Case("Rain100L", {"RainTrainL/rain-1.png": bad(1), "RainTrainL/norain-1.png": clean(1)}, "rain-1", ""),
    Case("Rain100L", {"Rain100L/rainy/rain-1.png": bad(1), "Rain100L/norain-1.png": clean(1)}, "", "rain-1"),
    Case("Rain100L", {"Rain100L/input/1.png": bad(1), "Rain100L/target/1.png": clean(1)}, "", "1"),
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
        "Rain200L",
        {
            "rain_data_train_Light/rain/X2/norain-1x2.png": bad(1),
            "rain_data_train_Light/norain/norain-1.png": clean(1),
        },
        "norain-1x2",
        "",
    ),
    Case(
        "Rain200H",
        {
            "Rain200H/train/rain/norain-1x2.png": bad(1),
            "Rain200H/train/norain/norain-1.png": clean(1),
            "Rain200H/test/rain/X2/norain-2x2.png": bad(2),
            "Rain200H/test/norain/norain-2.png": clean(2),
        },
        "norain-1x2",
        "norain-2x2",
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
            "spa/real_test_1000.txt": "./test/b.png ./test/b_gt.png\n",
        },
    ),
    Case(
        "SOTS",
        {"SOTS/outdoor/hazy/0001_0.8_0.2.jpg": bad(1), "SOTS/outdoor/gt/0001.png": clean(1), "SOTS/outdoor/gt/0002.png": clean(2)},
        "",
        "0001_0.8_0.2",
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
        {f"hybrid/{kind}_{end}/1_{end}.png": level for kind in ("mild", "severe") for end, level in (("in", bad(1)), ("gt", clean(1)))},
        "",
        "mild-1_in severe-1_in",
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
    Case("Set5", {f"Set5/{name}.png": clean(1) for name in ("baby", "bird", "butterfly")}, "", "baby bird butterfly", pairs=False),
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
        {f"pairs/{folder}/{name}.png": level for name in ("test-1", "a") for folder, level in (("rain", bad(1)), ("clean", clean(1)))},
        "a",
        "test-1",
    ),
    Case(
        "a folder of clean pictures",
        {f"photos/{number:02}.png": clean(number) for number in range(1, 14)},
        " ".join(f"{number:02}" for number in range(2, 13)),
        "01 13",
        pairs=False,
    ),
)


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
    assert pictures.protocol == found.layout.protocol
    for pair in [*pictures.pairs, *pictures.held_out_pairs]:
        assert pair.degraded.shape == pair.clean.shape == (SIDE, SIDE, 3)
        degraded, truth = (round(float(one.mean())) for one in (pair.degraded, pair.clean))
        assert (degraded // 10, truth % 10, degraded % 10 > 0) == (truth // 10, 0, True)
    for picture in [*pictures.clean, *pictures.held_out]:
        assert picture.mean() % 10 == 0


def test_every_layout_is_built_here_and_scored_by_a_protocol_that_exists() -> None:
    assert {layout.name for layout in LAYOUTS} <= {case.layout for case in CASES}
    assert {layout.protocol for layout in LAYOUTS} - {None} <= set(PROTOCOLS)


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


def test_pictures_are_drawn_where_there_are_none() -> None:
    pictures = load_pictures([Path("drawn:13")], smallest=SIDE)
    assert (len(pictures.clean), len(pictures.held_out)) == (11, 2)
    assert pictures.described == ("drawn: 13 drawn pictures, every 12th held out",)
    np.testing.assert_array_equal(pictures.clean[1], load_pictures([Path("drawn:13")]).clean[1])
    assert len(load_pictures([Path("drawn")]).clean) == COUNT - COUNT // 12
    for asked, came in (("drawn:1", "1 came"), ("drawn:x", "x came"), ("drawn:", "nothing came")):
        with pytest.raises(UsageError, match=f"N of 2 or more was expected, {came}"):
            load_pictures([Path(asked)])


RAIN100 = {"Rain100L/rainy/rain-1.png": bad(1), "Rain100L/norain-1.png": clean(1)}


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({**RAIN100, "Rain100L/rainy/rain-2.png": bad(2)}, "rain-2.png: a clean picture called norain-2 was expected"),
        ({**RAIN100, "Rain100L/norain-2.png": clean(2)}, "norain-2.png: a degraded picture of it was expected"),
        ({"p/rain/1.png": bad(1), "p/clean/1.png": clean(1), "p/clean/1.bmp": clean(1)}, "one clean picture of that name was expected"),
        ({"nyu/rgb/1.png": clean(1), "nyu/rgb/2.png": clean(2), "nyu/depth/1.png": 9}, r"2.png: its depth 2.png \(16 bits\) or .npy"),
        ({"nyu/rgb/1.png": clean(1), "nyu/depth/1.png": 0}, "none below zero and not all of them zero"),
    ],
)
def test_a_folder_that_is_nearly_a_data_set_is_told_what_it_lacks(files: Mapping[str, int], says: str, tmp_path: Path) -> None:
    folder = _built(tmp_path, files)
    with pytest.raises(DataError, match=says):
        load_pictures([folder]).held_out.fill()


def test_a_folder_of_something_else_is_told_what_is_known_and_what_came(tmp_path: Path) -> None:
    (tmp_path / "notes" / "old").mkdir(parents=True)
    (tmp_path / "notes" / "todo.txt").write_text("rain")
    with pytest.raises(DataError, match=r"Rain100L, Rain100H, .* the folder old and 1 file \(todo.txt\) came; docs/data.md"):
        load_pictures([tmp_path / "notes"])
    with pytest.raises(DataError, match="an empty folder came"):
        load_pictures([tmp_path / "notes" / "old"])
    with pytest.raises(ClearwayError, match="nowhere: a folder of pictures was expected"):
        load_pictures([tmp_path / "nowhere"])


def test_a_list_of_pairs_is_read_line_by_line(tmp_path: Path) -> None:
    folder = _built(tmp_path, {"spa/a.png": bad(1)}, {"spa/real_world.txt": "\na.png\n"})
    with pytest.raises(DataError, match=r"real_world.txt, line 2: the paths of a rainy and a clean picture were expected, 'a.png' came"):
        load_pictures([folder])
    (folder / "real_world.txt").write_text("a.png gone.png\n")
    with pytest.raises(ClearwayError, match=r"gone\.png"):
        load_pictures([folder])


def test_two_pictures_in_a_file_need_an_even_width(tmp_path: Path) -> None:
    folder = _built(tmp_path, {"rain800/training/1.png": both(1, clean_left=True), "rain800/test_syn/1.png": both(1, clean_left=True)})
    cv2.imwrite(str(folder / "training" / "1.png"), np.zeros((SIDE, 2 * SIDE + 1, 3), np.uint8))
    with pytest.raises(DataError, match="an even width, was expected; 33 came"):
        load_pictures([folder])


def test_a_file_that_is_cut_off_is_named(tmp_path: Path) -> None:
    folder = _built(tmp_path, {f"photos/{number}.png": clean(number) for number in (1, 2)})
    whole = (folder / "2.png").read_bytes()
    (folder / "2.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ClearwayError, match=r"2\.png"):
        load_pictures([folder])


def test_pairs_for_another_task_and_pictures_below_a_patch_are_refused(tmp_path: Path) -> None:
    folder = _built(tmp_path, {"mine/rain-1.png": bad(1), "mine/norain-1.png": clean(1)})
    with pytest.raises(DataError, match="pictures for the task dehaze were expected, rain-N with norain-N has pairs for derain"):
        load_pictures([folder], task="dehaze")
    load_pictures([folder], task="restore")
    with pytest.raises(DataError, match="every picture must hold a patch of 32×32, rain-1 is 16×16"):
        load_pictures([folder], smallest=32)
