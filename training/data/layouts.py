"""What the public data sets look like on disk and what of each is held out. Decodes nothing, knows no network.

One row of LAYOUTS a data set, in the order in which they are tried; `docs/data.md` is the same table for people. N is a number.

    Rain100L, Rain100H   RainTrainL/{rain-N,norain-N} · Rain100L/rainy/rain-N beside Rain100L/norain-N · Rain100L/{input,target}/,
                         and in a folder called so also as Rain200L
    Rain200L, Rain200H   {train,test}/{rain,rain/X2}/norain-Nx2 with norain/norain-N, also as rain_data_{train,test}_{Light,Heavy}
    Rain1200 (DID-MDN)   DID-MDN-training/Rain_{Heavy,Medium,Light}/train2018new/N, DID-MDN-test/N: rain left, clean right, in one file
    Rain1400 (DDN)       {training,testing}/rainy_image/N_1 … N_14 with ground_truth/N
    Rain12               rainy/N with groundtruth/N, or N_in with N_GT
    Rain800              training/N, test_syn/N: clean left, rain right, in one file
    SPA                  real_world.txt, real_test_1000.txt: "rainy clean" a line, paths from this folder
    RESIDE, SOTS         {hazy,haze}/N_…_… with {clear,gt}/N: several hazy ones to a clean one; SOTS also with the same names in both
    O-HAZE               hazy/N_outdoor_hazy with GT/N_outdoor_GT
    NYU, Make3D          {rgb,image,…}/NAME with {depth,depths}/NAME (16-bit .png, or .npy): clean, with known depth
    GoPro                {train,test}/GOPR…/{blur,sharp}/N
    text deblurring      N_blur beside N_orig, and N_psf: how a point looked
    DIV2K hybrid         {mild,moderate,severe}_in/N_in with _gt/N_gt: RL-Restore's test sets
    DIV2K                DIV2K_train_HR/N, DIV2K_valid_HR/N: what RL-Restore's training pictures are made of
    DID-HY               {train,test}/{input,target}/NAME in a folder called so
    Set5, Kodak          clean pictures by their well-known names, and no others beside them
    Set12, BSD68, CBSD68 clean pictures that are numbered, in a folder called so
    a pair of folders    one called rain, input, hazy, blur …, one clean, target, gt, sharp …: same names in both
    a folder of clean pictures
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from runtime.errors import DataError
from training.data.folders import Folder, FolderContents, Pairing, PictureFile, halves, matched, stills

HOLD_OUT_EVERY = 12
_DEGRADED = ("rain", "rainy", "input", "hazy", "haze", "blur", "blurry", "noisy", "degraded", "lq")
_CLEAN = ("clean", "norain", "target", "gt", "clear", "sharp", "groundtruth", "ground_truth", "label", "hq")
_SCENES, _DEPTHS = ("rgb", "image", "images", "clean", "clear"), ("depth", "depths")
_DEPTH_SUFFIXES = (".png", ".npy")
_LAST_OF_OHAZE, _LAST_OF_DIV2K = 35, 750  # the first 35 of NTIRE 2018's 45; RL-Restore learns from the first 750 of 800

Parts = Mapping[str, FolderContents]  # a word for the part ("train", "test", or "" where a folder's name says it) → what it holds
HeldOut = Callable[[Sequence[str]], tuple[Sequence[bool], str]]  # names, in order → which are held out, and the rule in words


@dataclass(frozen=True)
class Layout:
    name: str
    find: Callable[[Folder], Parts]  # nothing, where the folder does not look like it
    tasks: tuple[str, ...] = ()  # what its pairs teach; empty where that is open
    called: str = ""  # data sets that look alike are told apart by the names of their folders: a pattern to be found there
    benchmark: bool = False  # held out as a whole, unless a folder is called train
    held_out: HeldOut | None = None  # where no folder says train or test
    names_decide: bool = False  # `held_out` whatever the folders are called
    anywhere: bool = True  # also deep inside; else only in the folder itself and in its train and test folders
    protocol: str | None = None  # how its scores are commonly taken


def every_twelfth(names: Sequence[str]) -> tuple[Sequence[bool], str]:
    return [place % HOLD_OUT_EVERY == 0 for place in range(len(names))], f"every {HOLD_OUT_EVERY}th by name held out"


def _named_test_or_every_twelfth(names: Sequence[str]) -> tuple[Sequence[bool], str]:
    named = [name.startswith("test-") for name in names]
    return (named, "test-* held out") if any(named) else every_twelfth(names)


def _after(last: int, names: Sequence[str]) -> tuple[Sequence[bool], str]:
    numbers = [re.match(r"\d+", name) for name in names]
    return [number is not None and int(number[0]) > last for number in numbers], f"those after {last} held out"


def _rain100(folder: Folder) -> Parts:
    rainy = folder.folder("rainy")
    if rainy and rainy.named(r"rain-\d+") and folder.named(r"norain-\d+"):
        clean = [path for path in folder.pictures if path.stem.startswith("norain-")]
        return {"test": matched(folder, rainy.pictures, clean, lambda name: f"no{name}")}
    if folder.named(r"rain-\d+") and folder.named(r"norain-\d+"):
        rain, clean = ([path for path in folder.pictures if re.fullmatch(rf"{kind}-\d+", path.stem)] for kind in ("rain", "norain"))
        return {"": matched(folder, rain, clean, lambda name: f"no{name}")}
    return {}


def _rain100_by_name(folder: Folder) -> Parts:
    return _rain100(folder) or _rain200(folder) or _pair_of_folders(folder)


def _rain200(folder: Folder) -> Parts:
    clean, rain = folder.folder("norain"), next((inner for inner in folder.folders if inner.name == "rain"), None)
    degraded = rain and (rain.folder("x2") or rain)
    if clean and degraded and clean.named(r"norain-\d+") and degraded.named(r"norain-\d+(x2)?"):
        return {"": matched(folder, degraded.pictures, clean.pictures, lambda name: name.removesuffix("x2"))}
    return {}


def _rain200_by_name(folder: Folder) -> Parts:
    return _rain200(folder) or _pair_of_folders(folder)


def _rain1200(folder: Folder) -> Parts:
    ours = folder.name == "train2018new" or re.search(r"did.?mdn.?test", folder.name, re.IGNORECASE)
    return {"": halves(folder.pictures, "left", "right")} if ours and folder.pictures else {}


def _rain1400(folder: Folder) -> Parts:
    rain, clean = folder.folder("rainy_image", "rainy image", "rain_image"), folder.folder("ground_truth", "ground truth", "label")
    if rain and clean and rain.named(r"\d+_\d+"):
        return {"": matched(folder, rain.pictures, clean.pictures, lambda name: name.split("_")[0])}
    return {}


def _rain12(folder: Folder) -> Parts:
    rain, clean = folder.folder("rainy", "rain", "input"), folder.folder("groundtruth", "gt", "target")
    if rain and clean and rain.named(r"\d+_in"):
        return {"": matched(folder, rain.pictures, clean.pictures, lambda name: name.removesuffix("_in") + "_GT")}
    return _pair_of_folders(folder)


def _rain800(folder: Folder) -> Parts:
    beside = {"training": "test_syn", "test_syn": "training"}.get(folder.name)
    ours = beside and (folder.has_beside(beside) or folder.name == "test_syn")
    return {"": halves(folder.pictures, "right", "left")} if ours and folder.pictures else {}


def _spa(folder: Folder) -> Parts:
    lists = {"train": "real_world.txt", "test": "real_test_1000.txt"}
    return {word: _listed(folder, name) for word, name in lists.items() if name in folder.files}


def _listed(folder: Folder, name: str) -> FolderContents:
    try:
        lines = (folder.path / name).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{folder.path / name}: expected a list of pictures in UTF-8, got what cannot be read ({error})") from error
    pairs = []
    for number, line in enumerate(lines, start=1):
        words = [word.lstrip("/") for word in line.split()]
        if len(words) not in (0, 2):
            raise DataError(f"{folder.path / name}, line {number}: expected the paths of a rainy and a clean picture, got {line!r}")
        if words:
            rainy, clean = (folder.path / word for word in words)
            pairs.append(Pairing("-".join(Path(words[0]).with_suffix("").parts), PictureFile(rainy), PictureFile(clean)))
    if len({pair.degraded.name for pair in pairs}) == len(pairs):  # else the folders stay in the names
        pairs = [replace(pair, name=pair.degraded.name) for pair in pairs]
    return FolderContents(pairs=tuple(pairs))


def _reside(folder: Folder) -> Parts:
    hazy, clear = (next((i for i in folder.folders if i.name.lower() in names), None) for names in (("hazy", "haze"), ("clear", "gt")))
    if not hazy or not clear or not clear.pictures:
        return {}
    pictures = hazy.pictures or tuple(path for inner in hazy.folders for path in inner.pictures)  # OTS: hazy/part1 …
    if not any(re.fullmatch(r"\d+_[\d.]+(_[\d.]+)?", path.stem) for path in pictures):
        return {}
    return {"": matched(folder, pictures, clear.pictures, lambda name: name.split("_")[0], lonely=True)}


def _sots(folder: Folder) -> Parts:
    return _reside(folder) or _pair_of_folders(folder)


def _ohaze(folder: Folder) -> Parts:
    hazy, clear = folder.folder("hazy"), folder.folder("gt")
    if hazy and clear and hazy.named(r"\d+_(out|in)door_hazy"):
        return {"": matched(folder, hazy.pictures, clear.pictures, lambda name: name.removesuffix("hazy") + "GT")}
    return {}


def _with_depth(folder: Folder) -> Parts:
    scenes, depths = (
        next((inner for inner in folder.folders if inner.name.lower() in names and inner.files), None) for names in (_SCENES, _DEPTHS)
    )
    if not scenes or not scenes.pictures or not depths:
        return {}
    by_name = {Path(name).stem: depths.path / name for name in depths.files if Path(name).suffix.lower() in _DEPTH_SUFFIXES}
    for path in scenes.pictures:
        if path.stem not in by_name:
            raise DataError(
                f"{path}: expected its depth {path.stem}.png (16 bits) or .npy in {depths.path}, got none; "
                "write a .mat file's depth with numpy.save"
            )
    return {"": FolderContents(tuple(PictureFile(path, depth=by_name[path.stem]) for path in scenes.pictures))}


def _gopro(folder: Folder) -> Parts:
    blur, sharp = folder.folder("blur"), folder.folder("sharp")
    if blur and sharp and re.match(r"GOPR", folder.name):
        return {"": matched(folder, blur.pictures, sharp.pictures, lambda name: name)}
    return {}


def _text(folder: Folder) -> Parts:
    if not (folder.named(r".*_blur") and folder.named(r".*_orig")):
        return {}
    blur, orig = ([path for path in folder.pictures if path.stem.endswith(end)] for end in ("_blur", "_orig"))
    pairs = matched(folder, blur, orig, lambda name: name.removesuffix("_blur") + "_orig").pairs
    kernels = {path.stem.removesuffix("_psf"): path for path in folder.pictures if path.stem.endswith("_psf")}
    return {"": FolderContents(pairs=tuple(replace(pair, kernel=kernels.get(pair.name.removesuffix("_blur"))) for pair in pairs))}


def _div2k_hybrid(folder: Folder) -> Parts:
    parts = {}
    for level in ("mild", "moderate", "severe"):
        degraded, clean = folder.folder(f"{level}_in"), folder.folder(f"{level}_gt")
        if bool(degraded) != bool(clean):
            there, lacking = (f"{level}_in", f"{level}_gt") if degraded else (f"{level}_gt", f"{level}_in")
            raise DataError(f"{folder.path / there}: expected a folder {lacking} with pictures beside it, got none; add it or remove this")
        if degraded and clean:
            parts[level] = matched(folder, degraded.pictures, clean.pictures, lambda name: name.removesuffix("_in") + "_gt")
    return parts


def _stills_named(pattern: str, folder: Folder) -> Parts:
    if re.match("noisy|lr", folder.name, re.IGNORECASE):  # some copies bring noisy or small versions along
        return {}
    ours = [path for path in folder.pictures if re.fullmatch(pattern, path.stem)]
    return {"": stills(ours)} if ours else {}


def _only_stills_named(pattern: str, folder: Folder) -> Parts:
    """Names that anybody's photographs may have are a data set where all are of it: a bird among holiday pictures makes no Set5."""
    known = all(re.fullmatch(rf"{pattern}|.*_(LR|SRF_\d_\w+)", path.stem) for path in folder.pictures)
    return _stills_named(pattern, folder) if known else {}


def _pair_of_folders(folder: Folder) -> Parts:
    degraded, clean = folder.folder(*_DEGRADED), folder.folder(*_CLEAN)
    if not degraded or not clean:
        return {}
    return {"": matched(folder, degraded.pictures, clean.pictures, lambda name: name)}


_RAIN, _HAZE, _BLUR, _MIXED = ("derain",), ("dehaze",), ("deblur",), ("restore",)
_SET5 = r"(baby|bird|butterfly|head|woman)(_GT|_HR)?|img_00\d_SRF_4_HR"
CLEAN_FOLDER = Layout("a folder of clean pictures", lambda _folder: {}, held_out=every_twelfth, names_decide=True)
LAYOUTS = (
    Layout("Rain100L", _rain100_by_name, _RAIN, called="rain_?100_?l|raintrainl", benchmark=True, protocol="y"),
    Layout("Rain100H", _rain100_by_name, _RAIN, called="rain_?100_?h|raintrainh", benchmark=True, protocol="y"),
    Layout("Rain200L", _rain200_by_name, _RAIN, called="rain_?200_?l|rain_data_[a-z]+_light", protocol="rounded-y"),
    Layout("Rain200H", _rain200_by_name, _RAIN, called="rain_?200_?h|rain_data_[a-z]+_heavy", protocol="rounded-y"),
    Layout("rain-N with norain-N", _rain100, _RAIN, protocol="y"),
    Layout("norain-Nx2 with norain-N", _rain200, _RAIN, protocol="y"),
    Layout("Rain1200 (DID-MDN)", _rain1200, _RAIN, protocol="y"),
    Layout("Rain1400 (DDN)", _rain1400, _RAIN, protocol="y"),
    Layout("Rain12", _rain12, _RAIN, called="rain_?12(?![0-9])", benchmark=True, protocol="y"),
    Layout("Rain800", _rain800, _RAIN, protocol="y"),
    Layout("SPA", _spa, _RAIN, protocol="spanet"),
    Layout("SOTS", _sots, _HAZE, called="sots", benchmark=True, protocol="rgb"),
    Layout("RESIDE", _reside, _HAZE, protocol="rgb"),
    Layout("O-HAZE", _ohaze, _HAZE, held_out=partial(_after, _LAST_OF_OHAZE), names_decide=True, protocol="rgb"),
    Layout("NYU or Make3D with depth", _with_depth, held_out=every_twelfth, protocol="rgb"),
    Layout("GoPro", _gopro, _BLUR, protocol="gopro"),
    Layout("text deblurring", _text, _BLUR, held_out=every_twelfth, protocol="text"),
    Layout("DIV2K hybrid", _div2k_hybrid, _MIXED, benchmark=True, protocol="div2k-hybrid"),
    Layout("DIV2K", partial(_stills_named, r"\d{4}"), called="div2k", held_out=partial(_after, _LAST_OF_DIV2K), names_decide=True),
    Layout("DID-HY", _pair_of_folders, _MIXED, called="did.?hy", protocol="did-hy"),
    Layout("Set5", partial(_only_stills_named, _SET5), benchmark=True, protocol="sr-x4"),
    Layout("Set12", partial(_stills_named, r"\d\d"), called="set_?12", benchmark=True, protocol="bsd68"),
    Layout("CBSD68", partial(_stills_named, r"\d+"), called="cbsd_?68", benchmark=True, protocol="cbsd68"),
    Layout("BSD68", partial(_stills_named, r"(test)?\d+"), called="bsd_?68", benchmark=True, protocol="bsd68"),
    Layout("Kodak", partial(_only_stills_named, r"kodim\d\d"), benchmark=True, protocol="cbsd68"),
    Layout("a pair of folders", _pair_of_folders, held_out=_named_test_or_every_twelfth, anywhere=False),
)
