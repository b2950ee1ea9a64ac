"""`clearway export` and `clearway verify` as a user meets them."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from export.cli import run
from export.onnx.graph import fp32_of
from export.parity.cases import proof_bytes, read_proof
from runtime.errors import BackendError, BundleError, MissingExtra, UsageError
from runtime.model.bundle import sha256_of
from tests.support.export.exporting import small_export
from tests.support.export.graphs import TracedGraphs
from tests.support.export.toys import a_checkpoint
from training.checkpoint import save_checkpoint


@pytest.fixture(autouse=True)
def _small_pictures() -> Iterator[None]:
    with small_export():
        yield


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory, graphs: TracedGraphs) -> tuple[Path, list[str]]:
    """A bundle made by `clearway export`, and what it printed."""
    folder, printed = tmp_path_factory.mktemp("cli"), io.StringIO()
    save_checkpoint(folder / "a.safetensors", a_checkpoint())
    with small_export(graphs.of_checkpoint()), contextlib.redirect_stdout(printed):
        assert run("export", [str(folder / "a.safetensors"), "-o", str(folder / "derain")]) == 0
    return folder / "derain", printed.getvalue().splitlines()


@pytest.fixture(scope="module")
def bundle(exported: tuple[Path, list[str]]) -> Path:
    return exported[0]


@pytest.fixture
def copy(bundle: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(bundle, tmp_path / "derain"))


def _sign(bundle: Path) -> None:
    """What somebody does who changes a bundle and knows of the hashes."""
    manifest = json.loads((bundle / "manifest.json").read_text())
    manifest["files"] = {name: sha256_of(bundle / name) for name in manifest["files"]}
    (bundle / "manifest.json").write_text(json.dumps(manifest))


def test_export_prints_a_table(exported: tuple[Path, list[str]]) -> None:
    bundle, lines = exported
    assert lines[0].startswith("derain: fdrnet-edge, ")
    rows = lines[1 + next(place for place, line in enumerate(lines) if line.startswith("backend")) :]
    assert [line.split()[0] for line in rows[:3]] == ["onnxruntime", "openvino", "node-by-node"]
    assert lines[-1] == f"written: {bundle}"


def test_verify_holds_on_what_was_exported(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("verify", [str(bundle)]) == 0
    rows = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert rows["onnxruntime"].endswith("holds")
    assert rows["openvino"].endswith("holds")


def test_verify_says_it_in_one_line_for_machines(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("verify", [str(bundle), "--backend", "onnxruntime", "--json"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    report = json.loads(line)
    assert report["holds"] is True
    (verdict,) = report["verdicts"]
    assert (verdict["backend"], verdict["precision"], verdict["problems"]) == ("onnxruntime", "fp32", [])
    assert verdict["max_levels"] <= 1


def test_verify_fails_on_other_weights_behind_matching_hashes(copy: Path, capsys: pytest.CaptureFixture[str], graphs: TracedGraphs) -> None:
    (copy / "model.onnx").write_bytes(fp32_of(graphs.of_checkpoint(1.5)))
    _sign(copy)
    assert run("verify", [str(copy)]) == 1
    printed = capsys.readouterr().out
    assert printed.count("DOES NOT HOLD") == 2
    assert "grey levels, 1 is allowed" in printed


def test_verify_fails_on_another_proof_behind_matching_hashes(copy: Path) -> None:
    cases = read_proof(copy / "proof.npz")
    restored = cases[-1].expected["restored"]
    assert restored.dtype == np.uint8
    cases[-1].expected["restored"] = np.asarray(np.where(restored < 128, restored + 3, restored - 3), dtype=np.uint8)
    (copy / "proof.npz").write_bytes(proof_bytes(cases))
    _sign(copy)
    assert run("verify", [str(copy), "--backend", "onnxruntime"]) == 1


def test_verify_does_not_open_a_bundle_with_a_changed_byte(copy: Path) -> None:
    content = bytearray((copy / "proof.npz").read_bytes())
    content[len(content) // 2] ^= 1
    (copy / "proof.npz").write_bytes(content)
    with pytest.raises(BundleError, match=r"proof\.npz"):
        run("verify", [str(copy)])


def test_a_backend_that_was_named_must_be_there(bundle: Path) -> None:
    with pytest.raises((BackendError, UsageError)):
        run("verify", [str(bundle), "--backend", "abacus"])


def test_export_without_torch_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delitem(sys.modules, "export.bundle_writer")
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtra, match=r"torch is not installed; it comes with: pip install 'clearway\[export\]'"):
        run("export", ["a.safetensors", "-o", str(tmp_path / "derain")])


def test_export_without_a_target_is_wrong_use() -> None:
    with pytest.raises(SystemExit) as caught:
        run("export", ["a.safetensors"])
    assert caught.value.code == 2
