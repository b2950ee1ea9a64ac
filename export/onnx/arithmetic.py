"""Running an ONNX file exactly as it is typed, node by node. Does not know how it came to be typed so.

ONNX Runtime and OpenVINO compute an FP16 graph on a CPU in FP32, so what they return says nothing of FP16: sqrt(x²) of 2000 stays 2000
there. Here every tensor is stored in the type that the file gives it, and every node starts from what is stored. Sums (convolutions,
matrix products, normalisations, softmax) add up in FP32 and are rounded once, as tensor cores do; so is one addition or product of two
FP16 numbers, which gives the bits that FP16 arithmetic gives in half the time. All else is `onnx.reference`, in the tensor's own type.

A GPU fuses nodes and keeps more digits between them, so this is the strictest reading of the file.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, numpy_helper
from onnx.reference import ReferenceEvaluator
from torch import Tensor
from torch.nn import functional as F

from runtime.backends.protocol import BackendFacts
from runtime.picture import Picture, Tensors

Array = NDArray[Any]
Attributes = dict[str, Any]


@dataclass(frozen=True)
class Step:
    """One node, what it was given, what it made, and how much is held meanwhile."""

    node: NodeProto
    inputs: tuple[Array | None, ...]
    outputs: tuple[Array, ...]
    held: int  # bytes of all tensors that are still wanted, its inputs and outputs among them, constants not


class Arithmetic:
    """A file, ready to be run. `steps` shows every tensor once, and keeps none longer than it is wanted."""

    def __init__(self, model: ModelProto) -> None:
        graph = model.graph
        self._outputs = [output.name for output in graph.output]
        self._constants = {tensor.name: np.array(numpy_helper.to_array(tensor)) for tensor in graph.initializer}
        opsets = {entry.domain: entry.version for entry in model.opset_import}
        self._nodes = [(node, _runner(node, opsets)) for node in graph.node]
        self._uses = Counter(name for node in graph.node for name in node.input) + Counter(self._outputs)

    def run(self, frames: Picture) -> Tensors:
        kept: Tensors = {}
        for step in self.steps(frames):
            kept |= {name: array for name, array in zip(step.node.output, step.outputs, strict=True) if name in self._outputs}
        return {name: kept[name] for name in self._outputs}

    def steps(self, frames: Picture) -> Iterator[Step]:
        values: dict[str, Array] = {"frame": frames}
        left = self._uses.copy()
        for node, run in self._nodes:
            inputs = tuple(self._constants.get(name, values.get(name)) if name else None for name in node.input)
            with np.errstate(all="ignore"):  # infinities are what is looked for, not a mistake
                outputs = run(*inputs)
            held = sum(array.nbytes for array in (*values.values(), *outputs))
            yield Step(node, inputs, outputs, held)
            values |= dict(zip(node.output, outputs, strict=True))
            left.subtract(node.input)
            for name in {*node.input, *node.output}:
                if left[name] <= 0:
                    values.pop(name, None)


class NodeByNode:
    """A backend for the parity gate: an FP16 file as it is typed."""

    def __init__(self, model: ModelProto) -> None:
        self.facts = BackendFacts("node-by-node", "fp16", f"ONNX {onnx.__version__}, each tensor stored in its own type")
        self._arithmetic = Arithmetic(model)

    def run(self, frames: Picture) -> Tensors:
        return self._arithmetic.run(frames)

    def close(self) -> None:
        """Holds nothing that the interpreter does not free."""


def _runner(node: NodeProto, opsets: dict[str, int]) -> Callable[..., tuple[Array, ...]]:
    attributes = _attributes(node)
    reference = functools.cache(lambda: ReferenceEvaluator(node, opsets=opsets))  # made when it is wanted: it does not know all operators
    compute = _IN_FP32.get(node.op_type)
    rare = _RARE | {"dilations"} if node.op_type == "AveragePool" else _RARE

    def run(*inputs: Array | None) -> tuple[Array, ...]:
        first = inputs[0] if inputs else None
        if compute is None or first is None or first.dtype.kind != "f" or node.domain or len(node.output) > 1 or attributes.keys() & rare:
            return tuple(reference().run(None, dict(zip(node.input, inputs, strict=True))))
        return (_rounded(compute(attributes, *map(_wide, inputs)), first),)

    return run


def _attributes(node: NodeProto) -> Attributes:
    """But for those that say nothing: a flag that is off, and the padding that is written out beside it."""
    values = {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}
    return {name: value for name, value in values.items() if not (name in _RARE and value in (0, b"NOTSET"))}


def _wide(array: Array | None) -> Tensor | None:
    if array is None:
        return None
    tensor = torch.from_numpy(np.ascontiguousarray(array))
    return tensor.float() if tensor.is_floating_point() else tensor


def _rounded(tensor: Tensor, like: Array) -> Array:
    rounded: Array = tensor.half().numpy() if like.dtype == np.float16 else tensor.numpy().astype(like.dtype)
    return rounded


def _padded(attributes: Attributes, x: Tensor, value: float = 0.0) -> Tensor:
    pads = attributes.get("pads", [0] * 4)
    half = len(pads) // 2
    around = [amount for axis in reversed(range(half)) for amount in (pads[axis], pads[axis + half])]
    return F.pad(x, around, value=value) if any(around) else x


def _conv(attributes: Attributes, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    convolve: Callable[..., Tensor] = {3: F.conv1d, 4: F.conv2d, 5: F.conv3d}[x.ndim]
    stride, dilation = attributes.get("strides", 1), attributes.get("dilations", 1)
    return convolve(_padded(attributes, x), weight, bias, stride, 0, dilation, attributes.get("group", 1))


def _conv_transpose(attributes: Attributes, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    top, left, bottom, right = attributes.get("pads", [0] * 4)
    stride, more = attributes.get("strides", [1, 1]), attributes.get("output_padding", [0, 0])
    whole = F.conv_transpose2d(x, weight, bias, stride, 0, more, attributes.get("group", 1), attributes.get("dilations", [1, 1]))
    return whole[:, :, top : whole.shape[2] - bottom, left : whole.shape[3] - right]


def _gemm(attributes: Attributes, a: Tensor, b: Tensor, c: Tensor | None = None) -> Tensor:
    a, b = (m.T if attributes.get(flag) else m for m, flag in ((a, "transA"), (b, "transB")))
    product: Tensor = attributes.get("alpha", 1.0) * (a @ b)
    return product if c is None else product + attributes.get("beta", 1.0) * c


def _attention(attributes: Attributes, query: Tensor, key: Tensor, value: Tensor, bias: Tensor) -> Tensor:
    """As a fused kernel computes it: nothing in between is stored in FP16 but the weights that enter the second product."""
    weights = torch.softmax(attributes["scale"] * (query @ key.transpose(-1, -2)) + bias, dim=-1)
    return weights.half().float() @ value


def _layer_norm(attributes: Attributes, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    axis = attributes.get("axis", -1)
    return F.layer_norm(x, x.shape[axis:], weight, bias, attributes.get("epsilon", 1e-5))


def _instance_norm(attributes: Attributes, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return F.instance_norm(x, weight=weight, bias=bias, eps=attributes.get("epsilon", 1e-5))


def _group_norm(attributes: Attributes, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return F.group_norm(x, attributes["num_groups"], weight, bias, attributes.get("epsilon", 1e-5))


def _max_pool(attributes: Attributes, x: Tensor) -> Tensor:
    kernel, stride, dilation = attributes["kernel_shape"], attributes.get("strides", 1), attributes.get("dilations", 1)
    return F.max_pool2d(_padded(attributes, x, -torch.inf), kernel, stride, dilation=dilation)


def _gelu(attributes: Attributes, x: Tensor) -> Tensor:
    return F.gelu(x, approximate=attributes.get("approximate", b"none").decode())


def _mean(attributes: Attributes, x: Tensor, axes: Tensor | None = None) -> Tensor:
    return x.mean(dim=None if axes is None else axes.tolist(), keepdim=bool(attributes.get("keepdims", 1)))


def _average_pool(attributes: Attributes, x: Tensor) -> Tensor:
    window = {"kernel_size": attributes["kernel_shape"], "stride": attributes.get("strides", [1, 1]), "divisor_override": 1}
    places = _padded(attributes, torch.ones_like(x[:1, :1]), value=float(attributes.get("count_include_pad", 0)))
    return F.avg_pool2d(_padded(attributes, x), **window) / F.avg_pool2d(places, **window)


# Inputs come in FP32; what goes out is rounded to the type of the first input.
_IN_FP32: dict[str, Callable[..., Tensor]] = {
    "Add": lambda _, a, b: a + b,
    "Attention": _attention,
    "AveragePool": _average_pool,
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "Gelu": _gelu,  # its polynomial is one kernel
    "Gemm": _gemm,
    "GroupNormalization": _group_norm,
    "InstanceNormalization": _instance_norm,
    "LayerNormalization": _layer_norm,
    "LeakyRelu": lambda attributes, x: F.leaky_relu(x, attributes.get("alpha", 0.01)),
    "MatMul": lambda _, a, b: a @ b,
    "MaxPool": _max_pool,  # no sum, but ten times as fast as numpy's
    "Mul": lambda _, a, b: a * b,
    "ReduceMean": _mean,
    "Relu": lambda _, x: F.relu(x),
    "Softmax": lambda attributes, x: torch.softmax(x, dim=attributes.get("axis", -1)),
    "Sub": lambda _, a, b: a - b,
}
# With one of these `onnx.reference` computes them.
_RARE = {"auto_pad", "output_shape", "ceil_mode", "storage_order", "noop_with_empty_axes", "q_num_heads", "softcap", "is_causal"}
