"""`clearway verify` as a user meets it: new pictures, the report page, and what it says where something is missing."""

from __future__ import annotations

import json
import re
import shutil
import sys
from base64 import b64decode
from collections.abc import Iterator, Sequence
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest

from export.bundle_writer import ExportOptions, write_bundle
from export.cli import run
from export.parity import cases
from export.parity.compare import compare
from export.verify import answers
from export.verify.report_page import page_of
from export.verify.verify import ParityReport, verify_bundle
from runtime.errors import BackendError, ExportError, MissingExtra, PictureError, UsageError
from runtime.machine import nvidia
from runtime.model.bundle import open_bundle, sha256_of
from tests.support.export.exporting import small_export
from tests.support.export.graphs import TracedGraphs
from tests.support.export.toys import a_checkpoint, in_speckles
from tests.support.export.wrong import Wrong, a_case, flat, halved, moved
from tests.support.tiny import make_bundle


@pytest.fixture(autouse=True)
def _small_pictures(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(nvidia, "find_gpu", lambda: "no NVIDIA driver")
    with small_export():
        yield


def _exported(folder: Path, graphs: TracedGraphs, strength: float) -> Path:
    with small_export(graphs.of_checkpoint(strength), gate=("onnxruntime",)):
        write_bundle(in_speckles(a_checkpoint(strength)), ExportOptions(folder))
    return folder


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory, graphs: TracedGraphs) -> Path:
    return _exported(tmp_path_factory.mktemp("verify") / "derain", graphs, 1.0)


@pytest.fixture(scope="module")
def other(bundle: Path, graphs: TracedGraphs) -> Path:
    """Of other weights."""
    return _exported(bundle.with_name("other"), graphs, 1.5)


def _mixed(bundle: Path, other: Path, names: Sequence[str], target: Path) -> Path:
    """The bundle with these files from the other, signed by somebody who knows of the hashes."""
    copy = Path(shutil.copytree(bundle, target))
    for name in names:
        shutil.copy(other / name, copy / name)
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["files"] = {name: sha256_of(copy / name) for name in manifest["files"]}
    (copy / "manifest.json").write_text(json.dumps(manifest))
    return copy


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for name in "abc":
        cv2.imwrite(str(folder / f"{name}.png"), np.random.default_rng(ord(name)).integers(0, 256, (40, 50, 3), dtype=np.uint8))
    return folder


def test_every_picture_of_the_folder_is_compared_at_every_size(bundle: Path, photos: Path) -> None:
    seen: list[int] = []
    report = verify_bundle(bundle, (), photos, seen.append)
    assert report.holds
    assert not report.proof_only
    assert seen == list(range(1, 4 + 4 + 3 * 2 + 1))
    for verdict in report.verdicts:
        assert verdict.compared == 14
        assert verdict.record.pictures == "4 drawn pictures of the proof, 4 new drawn pictures, 6 cuts of photographs at 2 sizes"
        assert verdict.record.task_psnr_input_db is not None


def test_a_graph_that_is_right_on_its_proof_only_does_not_pass(bundle: Path, other: Path, tmp_path: Path) -> None:
    """Its proof is of the same wrong network; the weights are those of the right one."""
    report = verify_bundle(_mixed(bundle, other, ("model.onnx", "proof.npz"), tmp_path / "derain"), ("onnxruntime",))
    assert not report.holds
    assert "grey levels, 1 is allowed" in report.verdicts[0].problems[0]


def test_the_fp16_graph_is_checked_as_it_is(bundle: Path, other: Path, tmp_path: Path) -> None:
    assert {verdict.record.backend for verdict in verify_bundle(bundle).verdicts} == {"openvino", "onnxruntime", "node-by-node"}
    report = verify_bundle(_mixed(bundle, other, ("model.fp16.onnx",), tmp_path / "derain"))
    holds = {verdict.record.backend: verdict.holds for verdict in report.verdicts}
    assert holds == {"openvino": True, "onnxruntime": True, "node-by-node": False}


def test_the_new_pictures_are_none_of_those_that_the_gate_saw(bundle: Path) -> None:
    cases_of_verify, _ = answers.new_cases(open_bundle(bundle), None)
    old = {case.clean.tobytes() for case in cases.read_proof(bundle / "proof.npz") if case.clean is not None}
    new = {case.clean.tobytes() for case in cases_of_verify if case.clean is not None}
    assert old
    assert new
    assert not old & new


def test_without_torch_the_proof_is_checked_and_that_is_said(
    bundle: Path, photos: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delitem(sys.modules, "export.verify.answers")
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "export.onnx.graph")
    monkeypatch.delitem(sys.modules, "export.onnx.arithmetic")
    assert run("verify", [str(bundle)]) == 0
    said = capsys.readouterr().out.splitlines()
    assert "on 4 drawn pictures of the proof; PSNR in dB, shift in grey levels" in said
    missing = "torch is not installed; it comes with: pip install 'clearway[export]'"
    assert said[-2:] == [f"node-by-node: not checked, {missing}", f"only the proof was compared: {missing}"]
    with pytest.raises(MissingExtra, match=r"torch is not installed; it comes with: pip install 'clearway\[export\]'"):
        run("verify", [str(bundle), "--pictures", str(photos)])


def test_a_bundle_without_weights_has_its_proof_only(tmp_path: Path, photos: Path) -> None:
    make_bundle(tmp_path / "tiny")
    report = verify_bundle(tmp_path / "tiny", ("onnxruntime",))
    assert report.holds
    assert "has no weights.safetensors" in report.proof_only
    with pytest.raises(ExportError, match=r"has no weights\.safetensors, .*leave --pictures out"):
        verify_bundle(tmp_path / "tiny", ("onnxruntime",), photos)


def test_wrong_folders_of_pictures_are_named(bundle: Path, photos: Path, tmp_path: Path) -> None:
    for folder, words in ((tmp_path, "there are none in this folder"), (tmp_path / "none", "cannot be listed")):
        with pytest.raises(PictureError, match=words):
            verify_bundle(bundle, ("onnxruntime",), folder)
    mixed = Path(shutil.copytree(photos, tmp_path / "mixed"))
    cv2.imwrite(str(mixed / "z.png"), np.zeros((32, 60, 3), np.uint8))
    compared: list[int] = []
    with pytest.raises(ExportError, match=r"z\.png: expected at least 47×33 pixels, got 60×32; leave the picture out"):
        verify_bundle(bundle, ("onnxruntime",), mixed, compared.append)
    assert compared == [], "said before the first picture, though it is the last"


def test_a_backend_that_does_not_open_is_listed_or_raises(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "runtime.backends.openvino", raising=False)
    monkeypatch.setitem(sys.modules, "openvino", None)
    report = verify_bundle(bundle)
    assert "openvino" in dict(report.not_opened)
    assert report.holds
    with pytest.raises((BackendError, MissingExtra)):
        verify_bundle(bundle, ("openvino",))


def test_verify_exits_with_1_and_still_writes_the_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "sick").mkdir()
    make_bundle(tmp_path / "sick", "nan")
    page = tmp_path / "parity.html"
    assert run("verify", [str(tmp_path / "sick"), "--report", str(page)]) == 1
    assert "holds NaN or Inf" in page.read_text(encoding="utf-8")
    said = capsys.readouterr().out
    assert "onnxruntime fp32: DOES NOT HOLD, not one picture could be compared" in said
    assert f"written: {page}" in said
    assert run("verify", [str(tmp_path / "sick"), "--json"]) == 1
    line = json.loads(capsys.readouterr().out)
    assert (line["holds"], line["verdicts"][0]["compared"]) == (False, 0)
    assert line["verdicts"][0]["checks"][0]["problem"] == line["verdicts"][0]["problems"][0]


def test_a_report_goes_where_it_can_and_replaces_nothing_unasked(bundle: Path, tmp_path: Path) -> None:
    for target, words in (
        ("parity.png", "a name ending in .html"),
        ("none/parity.html", "in a folder that exists"),
        ("", "ending in .html"),
    ):
        with pytest.raises(UsageError, match=words):
            run("verify", [str(bundle), "--report", str(tmp_path / target)])
    page = tmp_path / "parity.html"
    page.write_text("mine")
    arguments = ["verify", str(bundle), "--backend", "onnxruntime", "--report", str(page)]
    with pytest.raises(ExportError, match="exists; choose another name, or replace it with --force"):
        run(arguments[0], arguments[1:])
    assert page.read_text() == "mine"
    assert run(arguments[0], [*arguments[1:], "--force"]) == 0
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert [path.name for path in tmp_path.iterdir()] == ["parity.html"]
    page.unlink()
    page.mkdir()
    with pytest.raises(UsageError, match="got a folder"):
        run(arguments[0], [*arguments[1:], "--force"])


class _Page(HTMLParser):
    """What a page holds: its pictures, its words, and whatever it would load."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.pictures: list[np.ndarray[tuple[int, ...], np.dtype[np.uint8]]] = []
        self.words = ""
        self.loads: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        assert self._open == [], "every element is closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in {"src", "href"} and value is not None:
                if found := re.fullmatch(r"data:image/png;base64,(.+)", value):
                    self.pictures.append(np.asarray(cv2.imdecode(np.frombuffer(b64decode(found[1]), np.uint8), 1), np.uint8))
                else:
                    self.loads.append(value)
        if tag not in {"meta", "img"}:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data


def _report(*backends: Wrong, size: tuple[int, int] = (100, 120)) -> ParityReport:
    verdicts = tuple(compare(backend, [a_case("<b>.png", size=size)], "one & only") for backend in backends)
    return ParityReport(Path("runs/derain"), "derain 1", verdicts, (("abacus", "it has <no> beads"),), "no torch here")


def test_the_page_shows_each_backends_worst_picture_and_nothing_from_outside() -> None:
    text = page_of(_report(Wrong(moved(3, share=0.5)), Wrong(flat(0), "openvino", "bf16")))
    page = _Page(text)
    assert page.loads == []
    assert "http" not in text
    assert "url(" not in text
    assert len(page.pictures) == 8
    case = a_case("", size=(100, 120))
    for first, got in ((0, moved(3, share=0.5)(case.frame.copy())), (4, np.zeros_like(case.frame))):
        for picture, shown in zip(page.pictures[first:], (case.frame, case.expected["restored"][0], got), strict=False):
            np.testing.assert_array_equal(picture, shown)
    heat = page.pictures[3].astype(int).sum(axis=2)
    assert heat[:50].min() > heat[50:].max(), "bright where it is off, dark where it is not"
    assert "3 of 255 levels" in page.words
    assert "219 of 255 levels" in page.words
    for words in ("derain 1", "one & only", "abacus was not checked: it has <no> beads", "restored of <b>.png", "no torch here"):
        assert words in page.words
    assert "not every backend agrees" in page.words


def test_the_page_has_a_row_for_every_check_with_its_limit() -> None:
    report = _report(Wrong())
    page = _Page(page_of(report))
    assert "every backend agrees" in page.words
    assert "identical" in page.words
    for check in report.verdicts[0].checks:
        assert f"{check.measure}{check.measured}" + (f" {check.limit}" if check.limit else "") in page.words


def test_a_tiny_worst_picture_has_a_larger_one_beside_it_and_a_misshapen_answer_none() -> None:
    tiny, large = a_case("tiny", size=(17, 19)), a_case("large", size=(100, 120))
    verdict = compare(Wrong(lambda picture: moved(1 if len(picture) == 100 else 2)(picture)), [tiny, large], "")
    page = _Page(page_of(ParityReport(Path("derain"), "derain 1", (verdict,), ())))
    assert [picture.shape[1] for picture in page.pictures] == 4 * [19] + 4 * [120]
    without = _Page(page_of(_report(Wrong(halved))))
    assert without.pictures == []
    assert "There is nothing to show" in without.words
