"""Owns what is read back from a parsed network before anything is claimed of its engine: the precision that it computes in, and
what became of each attention block. Knows nothing of bundles or of building.

A strongly typed engine computes each layer in the type of its inputs, so the network's types are the engine's. An ONNX
`Attention` node becomes a pair of layers that may not be decomposed: the engine has one fused kernel for it, or there is no engine.
Attention in explicit form is fused or not as TensorRT likes, and nothing in an engine says which.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from export.tensorrt_api import ILayer, INetworkDefinition, ITensor
from runtime.engine_record import AttentionAudit

PRECISIONS = {"FLOAT": "fp32", "HALF": "fp16", "BF16": "bf16"}  # of DataType
COMPUTING = {"CONVOLUTION", "DECONVOLUTION", "MATRIX_MULTIPLY", "EINSUM", "ATTENTION_INPUT"}  # of LayerType
PRODUCTS = {"MATRIX_MULTIPLY", "EINSUM"}
CARRYING = {"CAST", "ELEMENTWISE", "SELECT", "SHUFFLE", "IDENTITY"}  # what may stand between a softmax and its two products
HEADS = range(16, 257)  # sizes with a fused kernel


@dataclass(frozen=True)
class _Block:
    """Attention as it stands in the network. None: the network does not say."""

    module: str
    types: frozenset[str]  # that its two products are computed in
    together: int | None  # windows times heads: how many attend side by side
    head_size: int | None

    def obstacle(self) -> str:
        """Why TensorRT has no fused kernel for it; empty where nothing speaks against one (measured with TensorRT-RTX 1.7)."""
        if "fp32" in self.types:
            return "it computes in FP32, and there are kernels for FP16 and BF16 only"
        if self.head_size is not None and self.head_size not in HEADS:
            return f"its heads have size {self.head_size}, and there are kernels from {HEADS[0]} to {HEADS[-1]}"
        if self.together == 1:
            return "it is one head of one window, and there are kernels for two or more side by side"
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

    def attention(self) -> tuple[AttentionAudit, ...]:
        """Every block of a network whose engine was built."""
        fused = [AttentionAudit(block.module, True, "an attention layer that may not be decomposed was built") for block in self._whole()]
        open_to_it = "one Attention node would be fused; export the bundle again"
        explicit = [AttentionAudit(block.module, False, f"explicit form: {block.obstacle() or open_to_it}") for block in self._explicit()]
        return (*fused, *explicit)

    def unfusable(self) -> list[tuple[str, str]]:
        """(block, why) for the attention layers that the builder may refuse; those that speak for themselves, or else all."""
        blocks = list(self._whole())
        known = [(block.module, block.obstacle()) for block in blocks if block.obstacle()]
        return known or [(block.module, "its shape has no kernel on this target") for block in blocks]

    def _whole(self) -> Iterator[_Block]:
        for layer in self._layers:
            if layer.type.name == "ATTENTION_INPUT":
                query = _inputs(layer)[0]
                yield _block(layer.name, [query], query)

    def _explicit(self) -> Iterator[_Block]:
        for layer in self._layers:
            if layer.type.name == "SOFTMAX":
                scores, values = self._product_before(layer), self._product_after(layer)
                if scores is not None and values is not None:
                    yield _block(layer.name, [_inputs(scores)[0], _inputs(values)[0]], _inputs(scores)[0])

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


def _block(node: str, operands: list[ITensor], query: ITensor) -> _Block:
    """The query is [windows, heads, places, head size]; -1 is a side that the network leaves open."""
    *aside, _places, size = query.shape
    together = math.prod(aside) if min(aside, default=1) > 0 else None
    return _Block(module_of(node), frozenset(map(_precision, operands)), together, size if size > 0 else None)


def _precision(tensor: ITensor) -> str:
    return PRECISIONS.get(tensor.dtype.name, tensor.dtype.name.lower())


def _inputs(layer: ILayer) -> list[ITensor]:
    return [tensor for index in range(layer.num_inputs) if (tensor := layer.get_input(index)) is not None]


def _outputs(layer: ILayer) -> list[ITensor]:
    return [tensor for index in range(layer.num_outputs) if (tensor := layer.get_output(index)) is not None]
