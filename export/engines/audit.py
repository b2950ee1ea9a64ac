"""What is read back before anything is claimed of an engine: the precision that its network computes in, and what became of
each attention block. Does not know bundles or of building.

A strongly typed engine computes each layer in the type of its inputs, so the network's types are the engine's. Whether attention is
fused is seen in the engine's kernels alone: TensorRT-RTX 1.7 refuses an ONNX `Attention` node without a fused kernel where shapes are
dynamic, but may take it apart without a word where they are static, and often fuses MatMul, Softmax, MatMul by itself (docs/export.md).
"""

from __future__ import annotations

import json
import re
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from runtime.backends.tensorrt.api import ILayer, INetworkDefinition, ITensor, TensorRT
from runtime.backends.tensorrt.log import Log
from runtime.engines.record import AttentionAudit

_LINE = re.compile(r"Name: (?P<name>.*?), LayerType: .*, Metadata: (?P<nodes>.*)")
_NODE = re.compile(r"\[ONNX Layer: ([^\]]*)\]")
PRECISIONS = {"FLOAT": "fp32", "HALF": "fp16", "BF16": "bf16"}  # of DataType
COMPUTING = {"CONVOLUTION", "DECONVOLUTION", "MATRIX_MULTIPLY", "EINSUM", "ATTENTION_INPUT"}  # of LayerType
PRODUCTS = {"MATRIX_MULTIPLY", "EINSUM"}
CARRYING = {"CAST", "ELEMENTWISE", "SELECT", "SHUFFLE", "IDENTITY"}  # what may stand between a softmax and its two products
FUSED = "mha"  # stands in the names of all fused attention kernels: _gemm_mha_v2, fmha
HEADS = range(16, 257)  # sizes with a fused kernel, as documented; TensorRT-RTX 1.7 fills 9 to 15 up by itself


@dataclass(frozen=True)
class Kernel:
    name: str
    nodes: frozenset[str]  # the ONNX nodes that it computes, wholly or in part


def onnx_nodes(metadata: str) -> list[str]:
    return _NODE.findall(metadata)


def kernels_in_log(_trt: TensorRT, _logger: object, log: Log, _plan: bytes) -> tuple[Kernel, ...]:
    lines = (_LINE.match(line) for line in log.kernels.splitlines())
    return tuple(Kernel(line["name"], frozenset(onnx_nodes(line["nodes"]))) for line in lines if line)


def kernels_inspected(trt: TensorRT, logger: object, _log: Log, plan: bytes) -> tuple[Kernel, ...]:
    """Needs the GPU that the engine was built on."""
    engine = trt.Runtime(logger).deserialize_cuda_engine(plan)
    if engine is None:
        return ()
    told = json.loads(engine.create_engine_inspector().get_engine_information(trt.LayerInformationFormat.JSON))
    return tuple(Kernel(layer["Name"], frozenset(onnx_nodes(layer.get("Metadata", "")))) for layer in told["Layers"])


@dataclass(frozen=True)
class _AttentionBlock:
    """Attention as it stands in the network."""

    node: str  # of the ONNX file: its Attention, or its Softmax
    explicit: bool  # MatMul, Softmax, MatMul
    types: frozenset[str]  # that its two products are computed in
    head_size: int | None  # None: the network leaves it open

    def obstacle(self) -> str:
        """Why TensorRT has no fused kernel for it; empty where nothing that is known speaks against one."""
        if "fp32" in self.types:
            return "it computes in FP32, and there are kernels for FP16 and BF16 only"
        if self.head_size is not None and self.head_size not in HEADS:
            return f"its heads have size {self.head_size}, and there are kernels from {HEADS[0]} to {HEADS[-1]}"
        return ""


class ParsedNetwork:
    """A network's layers with who makes and who takes each tensor."""

    def __init__(self, network: INetworkDefinition) -> None:
        self._layers = [network.get_layer(index) for index in range(network.num_layers)]
        self._maker: dict[str, ILayer] = {}
        self._takers: dict[str, list[ILayer]] = {}
        for layer in self._layers:
            for tensor in _outputs(layer):
                self._maker[tensor.name] = layer
            for tensor in _inputs(layer):
                self._takers.setdefault(tensor.name, []).append(layer)

    def precisions(self) -> dict[str, int]:
        """How many of the layers that do the work compute in each precision."""
        counted = Counter(_precision(tensor) for layer in self._layers if layer.type.name in COMPUTING for tensor in _inputs(layer)[:1])
        return dict(counted.most_common())

    def attention(self, kernels: Sequence[Kernel], profiles: int) -> tuple[AttentionAudit, ...]:
        """Every block, by the kernels that an engine runs for it: each profile has its own."""
        return tuple(_audited(block, kernels, profiles) for block in self._blocks())

    def unfusable(self) -> list[tuple[str, str]]:
        """(block, why) for the attention layers that a builder which refuses attention may mean; it does not say which."""
        blocks = [block for block in self._blocks() if not block.explicit]
        known = [(module_of(block.node), block.obstacle()) for block in blocks if block.obstacle()]
        return known or [(module_of(block.node), "if its shape has no kernel on this target") for block in blocks]

    def _blocks(self) -> Iterator[_AttentionBlock]:
        for layer in self._layers:
            if layer.type.name == "ATTENTION_OUTPUT":
                query = _inputs(self._maker[_inputs(layer)[0].name])[0]
                yield _block(layer, [query], query, explicit=False)
            elif layer.type.name == "SOFTMAX":
                scores, values = self._product_before(layer), self._product_after(layer)
                if scores is not None and values is not None:
                    query = _inputs(scores)[0]
                    yield _block(layer, [query, _inputs(values)[0]], query, explicit=True)

    def _product_before(self, softmax: ILayer) -> ILayer | None:
        return _first_product(softmax, lambda layer: [self._maker[t.name] for t in _inputs(layer) if t.name in self._maker])

    def _product_after(self, softmax: ILayer) -> ILayer | None:
        return _first_product(softmax, lambda layer: [taker for t in _outputs(layer) for taker in self._takers.get(t.name, [])])


def module_of(node: str) -> str:
    """The PyTorch module's path, which a node's name begins with; the name itself where it holds none."""
    return node.rpartition("/")[0] or node


def _first_product(start: ILayer, onward: Callable[[ILayer], list[ILayer]]) -> ILayer | None:
    """The nearest one with nothing but what carries values in between."""
    waiting, seen = deque(onward(start)), set[str]()
    while waiting:
        layer = waiting.popleft()
        if layer.type.name in PRODUCTS:
            return layer
        if layer.type.name in CARRYING and layer.name not in seen:
            seen.add(layer.name)
            waiting.extend(onward(layer))
    return None


def _block(layer: ILayer, operands: list[ITensor], query: ITensor, *, explicit: bool) -> _AttentionBlock:
    """The query is [windows, heads, places, head size]."""
    size = query.shape[-1]
    node = next(iter(onnx_nodes(layer.metadata)), layer.name)
    return _AttentionBlock(node, explicit, frozenset(map(_precision, operands)), size if size > 0 else None)


def _audited(block: _AttentionBlock, kernels: Sequence[Kernel], profiles: int) -> AttentionAudit:
    module, form = module_of(block.node), "MatMul, Softmax, MatMul" if block.explicit else "one Attention node"
    own = [kernel.name for kernel in kernels if block.node in kernel.nodes]
    fused = [name for name in own if FUSED in name]
    if own and len(fused) == profiles:
        return AttentionAudit(module, True, f"{form}, computed by {fused[0]}")
    if not own:
        return AttentionAudit(module, False, f"{form}, and TensorRT does not say what computes it")
    why = block.obstacle() or "TensorRT took other kernels"
    where = f", in {profiles - len(fused)} of {profiles} profiles" if fused else ""
    return AttentionAudit(module, False, f"{form}: {why}{where} ({', '.join(own)})")


def _precision(tensor: ITensor) -> str:
    return PRECISIONS.get(tensor.dtype.name, tensor.dtype.name.lower())


def _inputs(layer: ILayer) -> list[ITensor]:
    return [tensor for index in range(layer.num_inputs) if (tensor := layer.get_input(index)) is not None]


def _outputs(layer: ILayer) -> list[ITensor]:
    return [tensor for index in range(layer.num_outputs) if (tensor := layer.get_output(index)) is not None]
