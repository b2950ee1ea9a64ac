"""What a training leaves to read: every value under its own column, whichever losses a line has."""

from __future__ import annotations

from pathlib import Path

from training.loop.logs import LOG, Logs


def test_a_loss_that_comes_late_or_not_always_stays_in_its_column(tmp_path: Path) -> None:
    with Logs(tmp_path, 0) as logs:
        logs.losses(1, {"l1": 0.5})
        logs.losses(2, {"judge": 2.0, "l1": 0.25})
        logs.losses(3, {"l1": 0.125})
    assert (tmp_path / LOG).read_text().split() == ["step,l1,judge", "1,0.5,", "2,0.25,2", "3,0.125,"]
    with Logs(tmp_path, 2) as logs:  # goes on behind step 2, with the names in another order
        logs.losses(3, {"judge": 4.0, "l1": 1.0})
    assert (tmp_path / LOG).read_text().split() == ["step,l1,judge", "1,0.5,", "2,0.25,2", "3,1,4"]
