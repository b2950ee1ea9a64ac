"""Reading an ONNX file that somebody else made, up to a model in memory that can be asked. Does not know the graph contract.

Whatever cannot become a bundle is refused here, before anything of it is run, with what to do about it. Weights beside the file are
taken in; a file that names weights outside its own folder is refused before they are opened.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import onnx
import onnx_ir as ir
from google.protobuf.message import DecodeError
from onnx import GraphProto, ModelProto, TensorProto, ValueInfoProto, helper, inliner

from export.onnx.graph import OPSET
from runtime.errors import ExportError

LARGEST = 2**31 - 2**20  # bytes: protobuf ends at 2 GiB, and the graph contract goes around what came
_LAST_WITHOUT_ATTENTION = 22
_OWN_DOMAINS = ("", "ai.onnx")
_FIRST_FIELD = b"\x08"  # ir_version: what every exporter writes first
_TRUNCATED = "it is cut off or damaged; copy or download it again"
_AXES = 'dynamic_axes={"input": {0: "n", 2: "h", 3: "w"}, "output": {0: "n", 2: "h", 3: "w"}} in torch.onnx.export'
# A damaged file need not hold what its types promise: text that is no UTF-8 comes as bytes, a type's number may mean none.
_INVALID = (onnx.checker.ValidationError, ir.serde.SerdeError, DecodeError, ValueError, TypeError, LookupError, RuntimeError)


@dataclass(frozen=True)
class ForeignFile:
    """A model that takes one float32 [N, 3, H, W] with all but the 3 dynamic, and gives back one tensor."""

    path: Path
    sha256: str  # of the file itself, without the weights beside it
    opset: int  # as it came
    model: ModelProto  # as it came, with the weights taken in and the functions written out
    input: str
    output: str


def read_foreign(path: Path) -> ForeignFile:
    content = _content(path)
    model = _parsed(path, content)
    opset = next((entry.version for entry in model.opset_import if entry.domain in _OWN_DOMAINS), 0)
    if not model.graph.node or not opset:
        raise ExportError(f"{path}: expected an ONNX file, got one without a graph or an opset: {_TRUNCATED}")
    if opset > OPSET:
        raise ExportError(f"{path}: expected opset {OPSET} or older, got {opset}; export it again with opset_version={OPSET}")
    try:
        model = inliner.inline_local_functions(model) if model.functions else model
        _check_operators(path, model.graph)
        _take_in_weights(path, model)
        onnx.checker.check_model(model)
        ir.from_proto(model)  # which is stricter in places
        source, answer = _ends(path, model.graph)
    except _INVALID as error:
        raise ExportError(f"{path}: expected a valid ONNX file, got an invalid one ({_said(error)}); export it again") from error
    return ForeignFile(path, hashlib.sha256(content).hexdigest(), opset, model, source, answer)


def _content(path: Path) -> bytes:
    try:
        if (size := path.stat().st_size) > LARGEST:
            raise ExportError(_too_large(path, size))
        return path.read_bytes()
    except OSError as error:
        raise ExportError(f"{path}: expected an ONNX file, cannot read it ({error.strerror or error})") from error


def _parsed(path: Path, content: bytes) -> ModelProto:
    try:
        return onnx.load_model_from_string(content)
    except DecodeError as error:
        what = _TRUNCATED if content.startswith(_FIRST_FIELD) else "this is something else; export the network to ONNX first"
        raise ExportError(f"{path}: expected an ONNX file, {what}") from error


def _check_operators(path: Path, graph: GraphProto) -> None:
    if graph.sparse_initializer:
        raise ExportError(f"{path}: expected dense weights, got sparse ones; export it again with dense weights")
    for node in graph.node:
        which = node.op_type + (f" ({node.name})" if node.name else "")
        if node.domain not in _OWN_DOMAINS:
            wanted = f"expected ONNX's own operators, got {which} of {node.domain}"
            raise ExportError(f"{path}: {wanted}; export it again without what is made for one engine")
        if any(attribute.HasField("g") or attribute.graphs for attribute in node.attribute):
            wanted = f"expected a graph without branches and loops, got {which}"
            raise ExportError(f"{path}: {wanted}; export it again by tracing")
        if node.op_type == "Attention":
            wanted = f"expected attention as MatMul and Softmax, got {which}"
            raise ExportError(f"{path}: {wanted}; export it again with opset_version={_LAST_WITHOUT_ATTENTION}")


def _tensors(graph: GraphProto) -> Iterator[TensorProto]:
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            yield from (*([attribute.t] if attribute.HasField("t") else []), *attribute.tensors)


def _take_in_weights(path: Path, model: ModelProto) -> None:
    """External data becomes internal. Every place is checked before the first one is opened."""
    tensors = [tensor for tensor in _tensors(model.graph) if tensor.data_location == TensorProto.EXTERNAL]
    places = [_place_of(path, tensor) for tensor in tensors]
    size = model.ByteSize() + sum(place.length for place in places)
    if size > LARGEST:
        raise ExportError(_too_large(path, size))
    for tensor, place in zip(tensors, places, strict=True):
        try:
            with place.file.open("rb") as file:
                file.seek(place.offset)
                content = file.read(place.length)
        except OSError as error:
            named = f"{place.file.name}, with the weights of {tensor.name},"
            raise ExportError(f"{path}: expected {named} beside it ({error.strerror or error}); copy it too") from error
        if len(content) != place.length:
            wanted = f"expected {place.length:,} bytes of weights for {tensor.name} in {place.file.name}"
            raise ExportError(f"{path}: {wanted}, got {len(content):,}; copy it again")
        tensor.raw_data = content
        tensor.data_location = TensorProto.DEFAULT
        del tensor.external_data[:]


@dataclass(frozen=True)
class _Place:
    file: Path
    offset: int
    length: int


def _place_of(path: Path, tensor: TensorProto) -> _Place:
    entries = {entry.key: entry.value for entry in tensor.external_data}
    location, folder = entries.get("location", ""), path.parent.resolve()
    file = (folder / location).resolve()  # through links
    if ".." in Path(location).parts or Path(location).is_absolute() or not file.is_relative_to(folder):
        where = f"expected the weights of {tensor.name} in its own folder, {location!r} leads out of it"
        raise ExportError(f"{path}: {where}; put them beside the file, as a plain file and not a link, and export it so")
    bytes_each = helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize
    length = int(entries.get("length", math.prod(tensor.dims) * bytes_each))
    offset = int(entries.get("offset", 0))
    if min(offset, length) < 0:
        raise ExportError(f"{path}: {tensor.name} lies at byte {offset} of its weights, {length} long, which cannot be; {_TRUNCATED}")
    return _Place(file, offset, length)


def _ends(path: Path, graph: GraphProto) -> tuple[str, str]:
    """The names of the one input and the one output."""
    constants = {tensor.name for tensor in graph.initializer}
    sources, answers = [entry for entry in graph.input if entry.name not in constants], list(graph.output)
    for what, entries in (("input, the picture", sources), ("output, the restored picture", answers)):
        if len(entries) != 1:
            names = ", ".join(entry.name for entry in entries) or "none"
            raise ExportError(
                f"{path}: expected one {what}, got {len(entries)} ({names}); cut the others off, "
                "with constants in the export or with onnx.utils.extract_model"
            )
    _check_input(path, sources[0])
    return sources[0].name, answers[0].name


def _check_input(path: Path, source: ValueInfoProto) -> None:
    kind = source.type.tensor_type
    if kind.elem_type == TensorProto.FLOAT16:
        why = "export the network in float32: what runs in FP16 is decided here, by measurement"
        raise ExportError(f"{path}: expected a float32 input, {source.name} is float16; {why}")
    if kind.elem_type != TensorProto.FLOAT:
        named = TensorProto.DataType.Name(kind.elem_type).lower()
        raise ExportError(f"{path}: expected a float32 input, {source.name} is {named}; export the network without its pre-processing")
    sides = list(kind.shape.dim)
    shape = "×".join(str(side.dim_value) if side.HasField("dim_value") else side.dim_param or "?" for side in sides)
    if len(sides) != 4 or (sides[1].HasField("dim_value") and sides[1].dim_value != 3):
        wanted = "expected an input of N×3×H×W (three colours, planes)"
        raise ExportError(f"{path}: {wanted}, {source.name} is {shape or 'without a shape'}; export the network so")
    if fixed := [name for name, side in zip("NCHW", sides, strict=True) if name != "C" and side.HasField("dim_value")]:
        came = f"{source.name} is {shape}, fixed in {' and '.join(fixed)}"
        raise ExportError(f"{path}: expected a picture of any size, {came}; export it with dynamic axes, as {_AXES}")


def _too_large(path: Path, size: int) -> str:
    return f"{path}: expected at most 2 GB, all that one ONNX file can hold, got {size / 1e9:.1f} GB; export a smaller network"


def _said(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
