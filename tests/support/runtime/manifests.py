"""A manifest with every fact filled in; nothing of it was measured."""

from __future__ import annotations

from runtime.model.manifest import (
    GRAPH_CONTRACT,
    SCHEMA,
    AttentionForm,
    GainControlForm,
    GraphFacts,
    ModelCard,
    ModelManifest,
    NetworkFacts,
    ParityRecord,
    PrecisionFacts,
    Score,
)

GRAPH = GraphFacts(GRAPH_CONTRACT, 20, 2, 1, ("restored", "health"), sees_whole_picture=True, receptive_field=None, bytes_a_pixel=60)
MANIFEST = ModelManifest(
    schema=SCHEMA,
    name="derain",
    version="1.0",
    task="derain",
    summary="removes rain",
    network=NetworkFacts("fdrnet", "fdrnet-edge", {"phases": 4, "widths": [8, 16]}, 210_932, 30.5),
    graph=GRAPH,
    precision=PrecisionFacts(
        calibration="6 drawn",
        unstable=("flat 0",),
        fp32={"/ReduceMean": "it adds up many values"},
        fp32_share=0.01,
        casts=2,
        gain_controls=(GainControlForm("network.gain", "rescaled", 16.0, 0.25, "large"),),
        attention=(AttentionForm("network.block", 2, 16, 64, True, "2 heads"),),
        headroom={"/Cast": 0.0039},
    ),
    card=ModelCard("derain", 1, 20_000, ("photographs",), "research use", ("snow",)),
    scores=(Score("test", 5, "Y, no crop", None, 30.0, 28.0, 0.5, 0.9),),
    parity=(ParityRecord("openvino", "bf16", "6 drawn", 3, 55.0, 51.0, 0.997, 0.15, 0.6, 0, None, None, None),),
    files={"model.onnx": "0" * 64},
)
