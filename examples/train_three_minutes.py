"""Train a small network against haze for about three minutes on two CPU cores: python examples/train_three_minutes.py -o runs/haze

Without --data it trains on pictures that are drawn in code, so nothing has to be downloaded. Run it again to continue where it stopped.
"""

import argparse
import sys

import clearway

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("-o", "--out", default="runs/haze", help="where the model and its logs go (default: %(default)s)")
parser.add_argument("--data", default="drawn:64", help="a folder of clean photographs (default: %(default)s)")
parser.add_argument("--steps", type=int, default=300, help="10 take seconds (default: %(default)s)")
options = parser.parse_args()

settings = [f"steps={options.steps}", "batch=4", "patch=64", "network.channels=16"]
train = ["train", "derain", "--data", options.data, "-o", options.out, "--degrade", "haze + noise(read=0..4) | untouched=0.15"]
sys.exit(clearway.main([*train, *(word for setting in settings for word in ("--set", setting))]))
