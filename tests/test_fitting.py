import os

import joblib
import pytest

from featx.classifiers import accelerated
from featx.fitting import limit_threads


def threads_in_a_worker():
    import threadpoolctl
    import torch

    limit_threads()
    found = {pool["num_threads"] for pool in threadpoolctl.threadpool_info()}
    found.add(torch.get_num_threads())
    if accelerated():
        import daal4py

        found.add(daal4py.num_threads())
    return found, int(os.environ["OMP_NUM_THREADS"])


@pytest.mark.parametrize("n_jobs", [2, 4])
def test_workers_share_out_the_cores_among_them(n_jobs):
    share = max(1, joblib.cpu_count() // n_jobs)
    with joblib.parallel_config(backend="loky", n_jobs=n_jobs):
        for found, granted in joblib.Parallel()(
            joblib.delayed(threads_in_a_worker)() for _ in range(n_jobs)
        ):
            assert found == {share} and granted == share


@pytest.mark.parametrize("value", [None, "", "2,1", "0"])
def test_without_a_number_of_threads_nothing_changes(monkeypatch, value):
    daal4py = pytest.importorskip("daal4py")
    before = daal4py.num_threads()
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if value is not None:
        monkeypatch.setenv("OMP_NUM_THREADS", value)
    limit_threads()
    assert daal4py.num_threads() == before
