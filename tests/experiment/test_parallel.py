import os
import pickle

import joblib
import numpy as np
import pytest

from featx import RawPixels
from featx.classifiers import accelerated
from featx.experiment import parallel
from featx.experiment.fitting import fit_row
from featx.experiment.parallel import executor_of, fit_rows, limit_threads
from featx.experiment.tasks import FitTask
from featx.features import encode


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


def test_features_removed_on_their_way_to_a_worker_are_fitted_here(
    dataset, cache, tmp_path, monkeypatch
):
    encoded = encode(dataset, RawPixels(), cache=cache)
    task = FitTask("raw", "knn", encoded, dataset.class_names, dataset.validation)
    sent = pickle.dumps(task)
    expected = fit_row(task).row.predicted
    assert not pickle.loads(sent).encoded.train.gone
    cache.store.remove(encoded.train.key)
    assert pickle.loads(sent).encoded.train.gone
    work = parallel._fit_and_keep

    def in_a_worker(task, folder):
        return work(pickle.loads(sent), folder)

    monkeypatch.setattr(parallel, "_fit_and_keep", in_a_worker)
    (row,) = fit_rows([task], cache.store, executor_of("threading"))
    assert np.array_equal(row.predicted, expected)
    assert (cache.folder / "rows" / task.key).is_dir()
