"""The word `clearway build` and what it prints of an engine. Does not know how one is built."""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Iterator
from contextlib import contextmanager

from export.engines.engine import BuildOptions, EngineBuild, build_engine
from export.engines.profiles import BUCKETS, engines_for
from export.engines.targets import TARGETS
from export.progress import Say
from runtime.engines.cache import EngineCache
from runtime.engines.record import ANY_GPU
from runtime.model.bundle import GRAPHS, open_bundle
from runtime.model.zoo import find
from runtime.progress_line import StatusLine


def build_word(arguments: list[str]) -> int:
    about = "Build TensorRT engines from a bundle, on the machine that will run them. TensorRT-RTX builds on any machine."
    parser = argparse.ArgumentParser(prog="clearway build", description=about)
    parser.add_argument("bundle", help="a bundle's folder or the name of a shipped model")
    parser.add_argument("--target", required=True, metavar="TARGET", help=" or ".join(TARGETS))
    parser.add_argument("--precision", choices=GRAPHS, default="fp16", help="which graph of the bundle (default: %(default)s)")
    buckets = f"sizes from half of this frame's sides up to it (repeatable, one engine; default: 720p): {', '.join(BUCKETS)}"
    parser.add_argument("--profile", action="append", default=[], metavar="NAME", help=buckets)
    exact = "this size alone, with fixed shapes (repeatable, an engine each)"
    parser.add_argument("--size", action="append", default=[], metavar="WxH", help=exact)
    parser.add_argument("--batch", metavar="N or A-B", help="frames at once (default: 1-4 for profiles, 1 for sizes)")
    parser.add_argument("--force", action="store_true", help="build again what is in the cache")
    parser.add_argument("--json", action="store_true", help="print one line for machines")
    options = parser.parse_args(arguments)

    wanted = engines_for(options.profile, options.size, options.batch)
    bundle, cache = open_bundle(find(options.bundle)), EngineCache()
    engines = []
    for profiles in wanted:
        order = BuildOptions(options.target, options.precision, profiles, options.force)
        with progress_line("building", quiet=options.json) as say:
            engines.append(build_engine(bundle, order, cache, say))
        if not options.json:
            _print_engine(engines[-1])
    if options.json:
        built = [{"found": engine.found, "digest": engine.record.key.digest(), **dataclasses.asdict(engine.record)} for engine in engines]
        print(json.dumps({"bundle": str(bundle.folder), "engines": built}))
    return 0


@contextmanager
def progress_line(doing: str, *, quiet: bool) -> Iterator[Say]:
    """A line that each message is written over; it is removed at the end. Nothing is shown where stderr is not a terminal."""
    with StatusLine(quiet=quiet) as status:
        yield lambda now: status.show(f"{doing}: {now}")


def _print_engine(engine: EngineBuild) -> None:
    record, key = engine.record, engine.record.key
    gpus = "any GPU" if key.compute_capability == ANY_GPU else f"GPUs of compute capability {key.compute_capability}"
    print(f"{record.model}: {key.target} {key.builder}, {key.precision}, for {gpus}")
    for profile in key.profiles:
        print(f"  {profile}")
    fused = sum(block.fused for block in record.attention)
    layers = ", ".join(f"{count} in {precision}" for precision, count in record.layers.items())
    attention = f"; attention: {fused} of {len(record.attention)} blocks fused" if record.attention else ""
    print(f"  layers that compute: {layers}{attention}")
    for block in (block for block in record.attention if not block.fused):
        print(f"  {block.block} is not fused, {block.why}")
    came = f"found in the cache, built {record.built}" if engine.found else f"built in {record.build_s:.1f} s"
    print(f"  {came}: {key.digest()[:16]}, {record.plan_bytes / 1e6:.1f} MB")
