import dataclasses
import json
import os
import subprocess

import pytest
import torch
from fakes.runs import RUN
from joblib import Parallel, delayed

from frugal_lib.core import precision, processes, runs
from frugal_lib.core.machine import Unsupported
from frugal_lib.core.runs import Record, Result

BASED = dataclasses.replace(RUN, base="nano", base_digest="0" * 12)


@pytest.fixture
def gpu(monkeypatch):
    """A GPU of the compute capability that is put in, as far as the choice of a precision asks."""

    def of(*capability):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: capability)
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "a GPU of a test")

    return of


@pytest.mark.parametrize(
    ("capability", "wanted", "half"),
    [((7, 0), "fp16", torch.float16), ((7, 5), "fp16", torch.float16), ((8, 0), "bf16", torch.bfloat16),
     ((8, 9), "bf16", torch.bfloat16), ((12, 0), "bf16", torch.bfloat16)],
)  # fmt: skip
def test_a_gpu_trains_in_the_half_precision_that_it_has(gpu, capability, wanted, half):
    gpu(*capability)
    assert precision.of_device("cuda") == precision.of_device("auto") == wanted
    assert precision.half("cuda") is half
    assert precision.of_device("cpu") == "fp32" and precision.half("cpu") is torch.float32


def test_what_a_device_lacks_is_unsupported_in_one_sentence(gpu):
    for name in ("bf16", "fp16"):
        with pytest.raises(Unsupported, match=rf"precision {name}: it needs a GPU.*, and this is "):
            precision.check(name, "cpu")
    gpu(7, 5)
    precision.check("fp16", "cuda")
    with pytest.raises(Unsupported, match="precision bf16: it needs a GPU of compute capability 8, and this is a GPU"):
        precision.check("bf16", "cuda")
    gpu(9, 0)
    for name in precision.PRECISIONS:
        precision.check(name, "cuda")


def test_products_are_in_tf32_for_bf16_alone_and_only_within_the_block():
    before = torch.get_float32_matmul_precision()
    seen = {}
    for name in precision.PRECISIONS:
        with precision.products(name):
            seen[name] = torch.get_float32_matmul_precision()
    assert seen == {"fp32": before, "bf16": "high", "fp16": before} and before == "highest"
    assert torch.get_float32_matmul_precision() == before


def test_the_precision_is_in_the_identity_and_fp32_is_not():
    assert "precision" not in json.loads(RUN.canonical()) and RUN.key == "b67ecd68"
    names = {dataclasses.replace(RUN, precision=name).path for name in precision.PRECISIONS}
    assert len(names) == 3 and RUN.path in names
    half = dataclasses.replace(RUN, precision="bf16")
    assert half.path == f"baseline/sonnets-full-lr1e-03-b16-bf16-autocast-s0-{half.key}.json"


def shows(run, device):
    """What a run computes with."""
    return Result({"high": float(torch.get_float32_matmul_precision() == "high")})


def sweep(folder, device="cpu", **how):
    return runs.sweep(
        [BASED, dataclasses.replace(RUN, method="floor-lines", learning_rate=0.0)],
        shows,
        folder,
        device,
        workers=1,
        **how,
    )


def test_runs_with_a_model_get_the_precision_of_the_gpu_and_a_cpu_then_finds_their_records(gpu, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        gpu(8, 0)
        patch.setattr("frugal_lib.core.machine.Meter.environment", lambda meter: environment("cuda"))
        patch.setattr("frugal_lib.core.machine.reset_peak_memory", lambda device: None)
        patch.setattr("frugal_lib.core.machine.peak_memory_mb", lambda device: 0.0)
        made = sweep(tmp_path, "cuda")
        assert [record.run.precision for record in made] == ["bf16", "fp32"]
        assert [record.metrics["high"] for record in made] == [1, 0]
        patch.undo()
    assert precision.of_folder(tmp_path) == "bf16"
    assert sweep(tmp_path) == made  # on a CPU, from the disk
    assert precision.applied([BASED], precision.among(r.run for r in made)) == [made[0].run]


def environment(device):
    return {"seconds": 1.0, "peak_memory_mb": 1.0, "device": device, "device_name": "x", "threads": 1,
            "commit": "0" * 10, "versions": {}}  # fmt: skip


def test_a_sweep_that_was_begun_in_fp32_goes_on_in_it_on_a_gpu(gpu, tmp_path):
    made = sweep(tmp_path)
    assert [record.run.precision for record in made] == ["fp32", "fp32"]
    gpu(8, 0)
    assert precision.chosen(tmp_path, "cuda") == "fp32" and sweep(tmp_path, "cuda") == made


def test_a_precision_can_be_asked_for_once_for_a_folder(tmp_path):
    made = sweep(tmp_path, asked="bf16")  # which a CPU says that it cannot
    assert made[0].status == "unsupported" and "it needs a GPU of compute capability 8" in made[0].error
    with pytest.raises(ValueError, match="its runs were trained in bf16, not fp16; give another folder"):
        sweep(tmp_path, asked="fp16")
    with pytest.raises(ValueError, match="precision 'fp8' is unknown; choose one of fp32, bf16, fp16"):
        sweep(tmp_path, asked="fp8")


def test_a_measurement_of_speed_is_in_fp32_and_decides_nothing(tmp_path):
    timed = dataclasses.replace(BASED, method="speed")
    runs.write(Record(timed, "ok", {}, [], [], environment("cpu")), tmp_path)
    assert precision.applied([timed], "bf16") == [timed]
    assert precision.of_folder(tmp_path) is None and precision.among([timed]) is None


@pytest.mark.parametrize(
    ("name", "seen"), [("LokyProcess-1", "3"), ("LokyProcess-2", "GPU-7f"), ("LokyProcess-3", "3")]
)
def test_every_worker_sees_a_gpu_of_its_own(monkeypatch, name, seen):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,GPU-7f")
    monkeypatch.setattr(processes, "die_with", lambda parent: None)
    monkeypatch.setattr(processes.multiprocessing, "current_process", lambda: type("P", (), {"name": name}))
    from frugal_lib.core import machine

    processes.begin(1, machine.gpus())
    assert os.environ["CUDA_VISIBLE_DEVICES"] == seen


def test_two_gpus_are_two_workers(gpu, monkeypatch):
    gpu(8, 0)
    monkeypatch.setattr("frugal_lib.core.machine.gpus", lambda: ["4", "6"])
    pool = runs.local("cuda", None, jobs=8)
    assert pool["n_jobs"] == 2 and runs.local("cuda", None, jobs=1) == {"n_jobs": 1}
    jobs = (delayed(subprocess.getoutput)("sleep 0.5; echo $CUDA_VISIBLE_DEVICES") for _ in range(4))
    assert set(Parallel(**pool, batch_size=1)(jobs)) == {"4", "6"}
