"""The two forms of windowed attention in a graph and which of them a target gets. Does not know the network around it.

A network is traced with one ONNX `Attention` node for each block: `softmax(q kᵀ + bias) v` with the query scaled beforehand, one
output, and a bias of [1, heads, N, N] for all windows. That is the fused form, and a kernel of TensorRT's own.
`ExplicitAttention` puts MatMul, Add, Softmax and MatMul in its place.

    model.onnx       explicit: TensorRT has no FP32 kernel for the fused form, and both CPU engines run either
    model.fp16.onnx  fused where TensorRT has a kernel: 2 heads or more of 16 to 256 channels; else explicit, its softmax in FP32
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import onnx_ir as ir
import torch
from onnxscript import opset23 as op
from torch import Tensor, nn

from export.onnx.names import module_of
from runtime.model.manifest import AttentionForm
from training.networks.window_attention import WindowAttention, attend

_LEAST_HEADS = 2  # with one, a static shape has no kernel
_HEAD_SIZES = range(16, 257)


@torch.library.custom_op("clearway::attend", mutates_args=())
def _attend(query: Tensor, key: Tensor, value: Tensor, bias: Tensor) -> Tensor:
    return attend(query, key, value, bias).contiguous()


@_attend.register_fake
def _(_query: Tensor, _key: Tensor, value: Tensor, _bias: Tensor) -> Tensor:
    return torch.empty_like(value)


def _translated(query: Any, key: Any, value: Any, bias: Any) -> Any:
    # Of four outputs one is taken: TensorRT refuses a node with more.
    answer, _, _, _ = op.Attention(query, key, value, bias, scale=1.0)
    return answer


TRANSLATION: dict[Callable[..., Any], Callable[..., Any]] = {torch.ops.clearway.attend.default: _translated}


def as_single_nodes(network: nn.Module) -> nn.Module:
    """A copy whose attention blocks are traced as one node each."""
    copied = copy.deepcopy(network)
    for module in copied.modules():
        if isinstance(module, WindowAttention):
            module.attend = _attend
    return copied


def attention_forms(model: ir.Model) -> tuple[AttentionForm, ...]:
    """What each block gets in the FP16 graph, and why."""
    return tuple(_form_of(node) for node in _blocks(model))


def _blocks(model: ir.Model) -> Iterator[ir.Node]:
    return (node for node in model.graph if node.op_type == "Attention")


def _form_of(node: ir.Node) -> AttentionForm:
    _, heads, places, size = _shape(node)
    block = module_of(node)
    if heads < _LEAST_HEADS:
        why = f"{heads} head: TensorRT's kernel wants {_LEAST_HEADS} or more"
    elif size not in _HEAD_SIZES:
        why = f"heads of {size} channels: TensorRT's kernel wants {_HEAD_SIZES[0]} to {_HEAD_SIZES[-1]}"
    else:
        return AttentionForm(block, heads, size, places, True, f"{heads} heads of {size} channels in FP16: TensorRT has a kernel")
    return AttentionForm(block, heads, size, places, False, why)


def _shape(node: ir.Node) -> tuple[Any, int, int, int]:
    query = node.inputs[0]
    assert query is not None
    assert query.shape is not None
    windows, heads, places, size = query.shape
    assert isinstance(heads, int)
    assert isinstance(places, int)
    assert isinstance(size, int)
    return windows, heads, places, size


class ExplicitAttention(ir.passes.InPlacePass):
    """Needs: attention nodes with four inputs and one output. Guarantees: none is left among the blocks named (default: all)."""

    def __init__(self, blocks: tuple[str, ...] | None = None) -> None:
        self._blocks = blocks

    def requires(self, model: ir.Model) -> None:
        for node in self._chosen(model):
            if len(node.inputs) != 4 or len(node.outputs) != 1:
                raise ir.passes.PreconditionError(f"{node.name} has {len(node.inputs)} inputs and {len(node.outputs)} outputs")

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        chosen = list(self._chosen(model))
        for node in chosen:
            nodes = _explicit(node)
            model.graph.insert_before(node, nodes)
            ir.convenience.replace_all_uses_with(node.outputs[0], nodes[-1].outputs[0])
            model.graph.remove(node, safe=True)
        return ir.passes.PassResult(model, modified=bool(chosen))

    def ensures(self, model: ir.Model) -> None:
        if left := [node.name for node in self._chosen(model)]:
            raise ir.passes.PostconditionError(f"{left[0]} is still there")

    def _chosen(self, model: ir.Model) -> Iterator[ir.Node]:
        return (node for node in _blocks(model) if self._blocks is None or module_of(node) in self._blocks)


def _explicit(node: ir.Node) -> list[ir.Node]:
    query, key, value, bias = node.inputs
    block = module_of(node)
    windows, heads, places, size = _shape(node)
    square, made = (windows, heads, places, places), list[ir.Node]()

    def then(name: str, op_type: str, *inputs: ir.Value | None, shape: tuple[Any, ...] = square, **attributes: Any) -> ir.Value:
        value = ir.Value(name=f"{node.outputs[0].name}_{name}", shape=ir.Shape(shape), type=node.outputs[0].type)
        made.append(ir.node(op_type, inputs, attributes, outputs=[value], name=f"{block}/{op_type}_{name}"))
        return value

    turned = then("keys", "Transpose", key, shape=(windows, heads, size, places), perm=[0, 1, 3, 2])
    scores = then("bias", "Add", then("scores", "MatMul", query, turned), bias)
    then("values", "MatMul", then("weights", "Softmax", scores, axis=-1), value, shape=(windows, heads, places, size))
    return made
