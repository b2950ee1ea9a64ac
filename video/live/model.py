"""Which model restores a live run, and how strongly. Both may change while it runs. Does not know threads' stages, pages or files.

A change falls between two frames. A new model is loaded, and tried on a picture, while the old one still runs. If that fails, the old one
stays and `state` has the error.
"""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Any

from runtime.errors import UsageError
from runtime.picture import Picture
from runtime.restorer import Restored, Restorer
from video.finish.strength import apply_strength, check_strength, processed_by
from video.live.stage import StageThread


@dataclass(frozen=True)
class ModelState:
    model: str  # its name or folder, as the user gave it
    strength: float
    loading: str | None  # the model that will run next
    trouble: str | None  # why the last one that was asked for is not running


class LiveModel:
    """Restores one stream's pictures with one of `choices`, at first the first, from entering to leaving it as a context manager."""

    def __init__(self, opens: Callable[[str], Restorer], choices: Sequence[str], strength: float = 1.0, *, loading_s: float = 10.0) -> None:
        """Leaving it waits up to `loading_s` for a model that is being loaded: the process would crash if it ended in the middle."""
        check_strength(strength)
        self.choices = tuple(dict.fromkeys(choices))
        self.restorer: Restorer  # from entering on
        self._opens = opens
        self._loading_s = loading_s
        self._state = ModelState(self.choices[0], strength, loading=self.choices[0], trouble=None)
        self._seen: Picture | None = None
        self._loader: StageThread | None = None
        self._closed = False
        self._working = threading.Lock()  # held for one frame: what is changed under it changes between two
        self._switching = threading.Lock()
        self._stating = threading.Lock()

    @property
    def state(self) -> ModelState:
        return self._state

    @property
    def processed_by(self) -> str:
        """For the metadata of files made from these pictures."""
        return processed_by(self.restorer.manifest, self._state.strength)

    def __call__(self, picture: Picture) -> Restored:
        with self._working:
            strength, self._seen = self._state.strength, picture
            return apply_strength(self.restorer(picture), strength)

    def set_strength(self, strength: float) -> None:
        check_strength(strength)
        self._change(strength=strength)

    def switch(self, model: str) -> None:
        """Returns at once; `state` has the result."""
        with self._switching:
            if model not in self.choices:
                raise UsageError(f"model: expected one of {', '.join(self.choices)}, got {model!r}; name it with --model")
            if self._state.loading is not None:
                raise UsageError(
                    f"model: expected one change at a time, {self._state.loading} is still loading; try again later"
                )
            if model == self._state.model:
                return
            loader = StageThread("loader", partial(self._load, model))
            self._change(loading=model, trouble=None)
            try:
                loader.start()
            except BaseException as error:
                self._change(loading=None, trouble=f"{model}: {error}")
                raise
            self._loader = loader

    def _load(self, model: str) -> None:
        try:
            fresh = self._opens(model)
            self._try(fresh)
        except Exception as error:  # noqa: BLE001  `state` has it: the old model stays
            self._change(loading=None, trouble=f"{model}: {error}")
            return
        with self._working:
            if not self._closed:
                self.restorer, fresh = fresh, self.restorer
                self._change(model=model, loading=None)
        fresh.close()

    def _try(self, fresh: Restorer) -> None:
        """Its first picture is its slowest, and shows whether it takes this size."""
        try:
            if self._seen is not None:
                fresh(self._seen)
        except BaseException:
            fresh.close()
            raise

    def _change(self, **changed: Any) -> None:
        with self._stating:
            self._state = dataclasses.replace(self._state, **changed)

    def __enter__(self) -> LiveModel:
        self.restorer = self._opens(self.choices[0])
        self._change(loading=None)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with self._working:
            self._closed = True
            self.restorer.close()
        if self._loader is not None:
            self._loader.wait(self._loading_s)
