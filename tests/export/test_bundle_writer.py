"""Writing bundles: only what agrees with PyTorch gets a name, and what fails leaves nothing."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from export import bundle_writer
from export.bundle_writer import ExportOptions, export_checkpoint, read_scores, write_bundle
from export.onnx.graph import fp32_of, reference
from export.parity import limits
from export.parity.cases import PROOF_SIZES, SIZES, drawn_pictures, make_cases, photographs, proof_bytes, read_proof
from runtime.backends.choose import open_backend
from runtime.backends.openvino import shared_core
from runtime.errors import BundleError, CheckpointError, ExportError, ParityError, UsageError
from runtime.model.bundle import open_bundle
from runtime.model.manifest import ModelManifest, Score
from tests.support.export.exporting import small_export
from tests.support.export.graphs import TracedGraphs
from tests.support.export.toys import Doubling, Poisoned, Toy, a_checkpoint, in_speckles, speckled
from training.checkpoint import save_checkpoint
from training.degradations.degradation import Degraded
from training.scoring.evaluate import write_scores

SMALL = ((33, 47), (48, 32), (17, 19))


@pytest.fixture(autouse=True)
def _small_pictures() -> Iterator[None]:
    with small_export(sizes=SMALL):
        yield


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ModelManifest]:
    with small_export(sizes=SMALL):
        target = tmp_path_factory.mktemp("written") / "derain"
        return target, write_bundle(in_speckles(a_checkpoint()), ExportOptions(target))


@pytest.fixture
def quickly(graphs: TracedGraphs) -> Iterator[None]:
    """For tests of the writing alone: the graph is not traced again, one engine is enough."""
    with small_export(graphs.of_checkpoint(), sizes=SMALL, gate=("onnxruntime",)):
        yield


def test_a_bundle_holds_what_it_says(written: tuple[Path, ModelManifest]) -> None:
    folder, manifest = written
    assert sorted(path.name for path in folder.iterdir()) == ["manifest.json", *sorted(manifest.files)]
    assert open_bundle(folder).manifest == manifest
    assert manifest.name == "derain"
    assert manifest.files.keys() == {"model.onnx", "model.fp16.onnx", "proof.npz", "weights.safetensors"}
    assert manifest.network.preset == "fdrnet-edge"
    assert manifest.network.parameters > 0
    assert manifest.network.gflops_720p > 0
    assert manifest.graph.stride == 4
    assert manifest.card.weaknesses == ("it was never trained",)


def test_the_manifest_says_how_far_each_engine_was_from_pytorch(written: tuple[Path, ModelManifest]) -> None:
    records = {record.backend: record for record in written[1].parity}
    assert records.keys() == {"onnxruntime", "openvino", "node-by-node"}
    assert records["onnxruntime"].precision == "fp32"
    assert records["onnxruntime"].max_levels <= 1
    assert records["node-by-node"].precision == "fp16"
    assert records["node-by-node"].max_levels > 0  # FP16 was really computed
    for record in records.values():
        assert record.pictures == "6 cuts of drawn pictures at 3 sizes, 6 drawn pictures of the proof"
        assert record.task_psnr_drop_db is not None


def test_the_proof_carries_pytorchs_answers_and_the_truth(written: tuple[Path, ModelManifest]) -> None:
    cases = read_proof(written[0] / "proof.npz")
    assert [case.frame.shape for case in cases] == [(*size, 3) for size in SMALL for _ in range(2)]
    run = reference(a_checkpoint().build())
    for case in cases:
        assert case.clean is not None
        assert not np.array_equal(case.frame, case.clean)
        np.testing.assert_array_equal(run(case.frame[None])["restored"], case.expected["restored"])


def test_the_same_checkpoint_gives_the_same_bytes(written: tuple[Path, ModelManifest], tmp_path: Path) -> None:
    write_bundle(in_speckles(a_checkpoint()), ExportOptions(tmp_path / "derain"))
    for path in written[0].iterdir():
        assert (tmp_path / "derain" / path.name).read_bytes() == path.read_bytes(), path.name


@pytest.mark.usefixtures("quickly")
def test_a_graph_that_is_not_the_network_is_refused_and_leaves_nothing(
    graphs: TracedGraphs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundle_writer, "fp32_of", lambda _: fp32_of(graphs.of_checkpoint(1.5)))
    with pytest.raises(ParityError, match=r"onnxruntime in fp32 does not agree with PyTorch: restored of .* grey levels"):
        write_bundle(in_speckles(a_checkpoint()), ExportOptions(tmp_path / "derain"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("quickly")
@pytest.mark.parametrize("interruption", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_an_interrupted_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, interruption: BaseException) -> None:
    def stop(*_: object) -> None:
        raise interruption

    monkeypatch.setattr(bundle_writer, "open_backend", stop)
    with pytest.raises((KeyboardInterrupt, ExportError)) as caught:
        write_bundle(in_speckles(a_checkpoint()), ExportOptions(tmp_path / "derain"))
    assert list(tmp_path.iterdir()) == []
    if isinstance(interruption, OSError):
        assert "derain cannot be written: No space left on device" in str(caught.value)


@pytest.mark.usefixtures("quickly")
def test_a_target_that_exists_is_kept_unless_forced(written: tuple[Path, ModelManifest], tmp_path: Path) -> None:
    target = tmp_path / "derain"
    target.mkdir()
    (target / "diary.txt").write_text("mine")
    for force in (False, True):  # not a bundle: never replaced
        with pytest.raises(ExportError, match="is not a bundle, so it is not replaced"):
            write_bundle(in_speckles(a_checkpoint()), ExportOptions(target, force=force))
    (target / "manifest.json").write_text("{}")
    with pytest.raises(ExportError, match="exists; choose another name, or replace it with --force"):
        write_bundle(in_speckles(a_checkpoint()), ExportOptions(target))
    assert (target / "diary.txt").exists()
    write_bundle(in_speckles(a_checkpoint()), ExportOptions(target, force=True))
    assert open_bundle(target).manifest.files == written[1].files
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.usefixtures("quickly")
def test_a_failed_replacement_keeps_the_old_bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "derain"
    target.mkdir()
    (target / "manifest.json").write_text("old")
    rename = Path.rename

    def rename_old_only(path: Path, to: Path) -> Path:
        if path.name == "new":
            raise OSError(5, "Input/output error")
        return rename(path, to)

    monkeypatch.setattr(Path, "rename", rename_old_only)
    with pytest.raises(ExportError, match="cannot be written"):
        write_bundle(in_speckles(a_checkpoint()), ExportOptions(target, force=True))
    assert (target / "manifest.json").read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_file_that_is_no_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"missing\.safetensors: expected a checkpoint file, got none"):
        export_checkpoint(tmp_path / "missing.safetensors", ExportOptions(tmp_path / "out"))
    (tmp_path / "text.safetensors").write_text("not weights")
    with pytest.raises(CheckpointError, match=r"text\.safetensors: expected a safetensors checkpoint"):
        export_checkpoint(tmp_path / "text.safetensors", ExportOptions(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("quickly")
def test_a_checkpoint_is_checked_with_the_weather_of_its_recipe(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "a.safetensors", a_checkpoint())
    manifest = export_checkpoint(tmp_path / "a.safetensors", ExportOptions(tmp_path / "derain", version="2"))
    assert manifest.version == "2"
    assert any(case.clean is not None for case in read_proof(tmp_path / "derain" / "proof.npz"))


def test_photographs_are_cut_to_three_sizes(tmp_path: Path) -> None:
    photo = np.random.default_rng(0).integers(0, 256, (330, 340, 3), dtype=np.uint8)
    cv2.imwrite(str(tmp_path / "b.png"), photo)
    cv2.imwrite(str(tmp_path / "a.png"), photo)
    cuts = list(photographs(tmp_path, SIZES))
    assert [name for name, _ in cuts] == [f"{file} {width}×{height}" for file in ("a.png", "b.png") for height, width in SIZES]
    assert [cut.shape[:2] for _, cut in cuts] == 2 * list(SIZES)
    np.testing.assert_array_equal(cuts[0][1], photo[44:285, 10:329])
    for name in ("c.png", "c.webp"):  # one says its size in its header, the other only when it is decoded
        cv2.imwrite(str(tmp_path / name), photo[:300])
        with pytest.raises(ExportError, match=rf"{name}: expected at least 192×320 pixels, got 340×300; leave the picture out"):
            list(photographs(tmp_path, SIZES))
        (tmp_path / name).unlink()


def test_sizes_are_odd_portrait_and_smaller_than_one_window() -> None:
    for sizes in (SIZES, PROOF_SIZES):
        (odd, wide), (tall, narrow), (small, _) = sizes
        assert odd % 2 == wide % 2 == 1
        assert tall > narrow
        assert small < 2 * 16


def test_a_proof_comes_back_as_it_was_and_damage_is_named(tmp_path: Path) -> None:
    cases = make_cases(drawn_pictures(((17, 19),), 0), speckled, reference(Doubling()), 0)
    content = proof_bytes(cases)
    (tmp_path / "proof.npz").write_bytes(content)
    back = read_proof(tmp_path / "proof.npz")
    assert proof_bytes(back) == content
    assert [case.clean for case in back] == [None, None]  # the answer has twice the size: the truth is not known
    for damaged in (content[:-100], b"no zip", b""):
        (tmp_path / "proof.npz").write_bytes(damaged)
        with pytest.raises(BundleError, match=r"proof\.npz: expected the proof of a bundle"):
            read_proof(tmp_path / "proof.npz")


def test_a_network_that_returns_nan_is_refused_before_anything_is_compared() -> None:
    black = [("black", np.zeros((17, 19, 3), np.uint8))]
    with pytest.raises(ParityError, match="the network itself returns NaN or Inf for black"):
        make_cases(black, lambda clean, rng: speckled(clean * 0 - 1, rng), reference(Poisoned()), 0)


def test_an_untouched_picture_has_no_task() -> None:
    (first, _) = make_cases(drawn_pictures(((17, 19),), 0), lambda clean, _: Degraded(clean, clean), reference(Toy()), 0)
    assert first.clean is None


def test_scores_come_from_a_file(tmp_path: Path) -> None:
    score = Score("held out", 3, "RGB", psnr_input_db=20.0, psnr_db=30.0, psnr_worst_db=25.0, ssim_input=0.5, ssim=0.9)
    write_scores(tmp_path / "scores.json", [score])  # as `clearway evaluate` does it
    assert read_scores(tmp_path / "scores.json") == (score,)
    (tmp_path / "manifest.json").write_text(json.dumps({"schema": 1, "scores": json.loads((tmp_path / "scores.json").read_text())}))
    assert read_scores(tmp_path / "manifest.json") == (score,), "of any schema: scores outlive it"
    for wrong in ("{", "{}", "[1]", '[{"data": "d"}]'):
        (tmp_path / "scores.json").write_text(wrong)
        with pytest.raises(UsageError, match="a JSON list of objects with data, pictures, protocol"):
            read_scores(tmp_path / "scores.json")
    with pytest.raises(UsageError, match="expected a file with scores"):
        read_scores(tmp_path / "none.json")


def test_a_model_that_bf16_loses_runs_in_fp32_everywhere(graphs: TracedGraphs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(limits.LIMITS, ("openvino", "bf16"), limits.Limits(psnr_worst_db=100.0))
    with small_export(graphs.of_checkpoint(), sizes=SMALL):
        manifest = write_bundle(in_speckles(a_checkpoint()), ExportOptions(tmp_path / "derain"))
    assert {record.backend: record.precision for record in manifest.parity}["openvino"] == "fp32"
    with contextlib.closing(open_backend(open_bundle(tmp_path / "derain"), "openvino").backend) as backend:
        assert backend.facts.precision == "fp32"
        native = "BF16" in shared_core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        assert ("dB against it, 100.0 dB is asked of every picture" in manifest.bf16_refused) is native
        assert ("this model loses too much in bf16" in backend.facts.detail) is native
