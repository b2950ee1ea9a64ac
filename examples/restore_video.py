"""Restore a video and print the progress: python examples/restore_video.py rainy.mp4 clear.mp4"""

import argparse

import clearway

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("source")
parser.add_argument("target")
parser.add_argument("--model", default="derain", help="a shipped model by name, or the folder of a bundle")
options = parser.parse_args()


def print_progress(done: int, frames: int | None) -> None:
    """`done` frames are safely in the file. `frames` is None where the source does not say how many it has."""
    print(f"{done} of {frames or '?'} frames", end="\r" if done != frames else "\n")


try:
    report = clearway.restore_video(
        options.source,
        options.target,
        options.model,
        encode=clearway.EncodeOptions("h264", quality=70),
        resume=True,  # continue where an earlier run was interrupted
        progress=print_progress,
    )
except clearway.ClearwayError as error:  # one line: what was expected, what came, what to do
    raise SystemExit(str(error)) from error
print(f"{report.frames} frames at {report.fps:.1f} a second: {report.target}", *report.notes, sep="\n  ")
