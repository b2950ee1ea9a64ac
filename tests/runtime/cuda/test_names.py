"""Every name of cuda.bindings.driver that this room uses exists in the real package, which can be read without a GPU."""

from __future__ import annotations

import inspect

import pytest

from runtime.cuda import api as cuda_api

driver = pytest.importorskip("cuda.bindings.driver", reason="cuda-bindings is not installed")


def _stated(kind: type) -> set[str]:
    return {name for name in {*inspect.get_annotations(kind), *vars(kind)} if not name.startswith("_")}


@pytest.mark.parametrize(
    ("place", "kind"),
    [
        (driver, cuda_api.GraphDriver),
        (driver.CUstreamCaptureMode, cuda_api.CaptureMode),
        (driver.CUresult, cuda_api.ResultCodes),
    ],
)
def test_it_has_them_all(place: object, kind: type) -> None:
    stated = _stated(kind)
    assert stated
    assert {name for name in stated if not hasattr(place, name)} == set()


def test_each_function_takes_as_much_as_it_is_given() -> None:
    """Their first line of documentation is their signature."""
    functions = {name: function for name, function in vars(cuda_api.GraphDriver).items() if name.startswith("cu")}
    assert len(functions) == 6
    for name, function in functions.items():
        signature = (getattr(driver, name).__doc__ or "").splitlines()[0]
        assert signature.startswith(f"{name}(")
        assert signature.count(",") + 1 == len(inspect.signature(function).parameters) - 1, signature


def test_a_result_code_has_a_name() -> None:
    assert driver.CUresult.CUDA_SUCCESS.name == "CUDA_SUCCESS"
